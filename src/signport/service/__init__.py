"""The recognition HTTP service: an exported model behind FastAPI; see `app.create_app` and `signport serve`."""
