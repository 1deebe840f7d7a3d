"""From a trained run to files that apps load: TFLite variants, metadata, bundles, golden vectors, the model card."""
