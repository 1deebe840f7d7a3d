"""Float model → deploy form → calibrated and fine-tuned int8 simulation that TFLite's int8 files answer like."""
