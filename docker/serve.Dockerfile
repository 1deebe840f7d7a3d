# The recognition service: LiteRT, MediaPipe and FastAPI, without TensorFlow and Keras. The model is mounted:
#
#   docker build -f docker/serve.Dockerfile -t signport-serve .
#   docker run --rm --read-only --tmpfs /tmp --cap-drop ALL -p 127.0.0.1:8000:8000 \
#     -v "$PWD/runs/mlp-001/export:/model:ro" signport-serve
#
# or lies in an image of its own, which two lines make:
#
#   FROM signport-serve
#   COPY runs/mlp-001/export /model

# A digest for all platforms; `docker buildx imagetools inspect python:3.11-slim-bookworm` shows the newest one.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.16-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${PYTHON_IMAGE} AS dependencies
ARG UV_VERSION=0.13.8
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON=python3.11 UV_PYTHON_DOWNLOADS=never
RUN python3.11 -m venv /opt/uv && /opt/uv/bin/python -m pip install --no-cache-dir uv==${UV_VERSION}
WORKDIR /source
COPY pyproject.toml uv.lock ./
# The group is what the service imports, not what the packages ask for: `make docker-check` fails if it lacks something.
RUN --mount=type=cache,target=/root/.cache/uv \
    UV_PROJECT_ENVIRONMENT=/opt/wheel /opt/uv/bin/uv sync --locked --only-group wheel && \
    UV_PROJECT_ENVIRONMENT=/opt/venv /opt/uv/bin/uv sync --locked --only-group service && \
    echo /opt/signport > /opt/venv/lib/python3.11/site-packages/signport.pth

# Apart from its dependencies, so that another version of signport is a layer of a few megabytes.
FROM dependencies AS build
COPY LICENSE README.md ./
COPY src src
RUN /opt/uv/bin/uv build --wheel --no-build-isolation --python /opt/wheel && \
    /opt/uv/bin/uv pip install --no-cache --no-deps --python /opt/venv --target /opt/signport dist/*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="signport-serve" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 1000 signport && useradd --uid 1000 --gid signport --no-create-home --home-dir /tmp signport
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=build /opt/signport /opt/signport
ENV ASL_CLASSIFIER_PATH=/model HOME=/tmp PATH=/opt/signport/bin:/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
# By number, so that Kubernetes sees that it is not root's.
USER 1000:1000
WORKDIR /
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["signport"]
CMD ["serve", "--host", "0.0.0.0"]
