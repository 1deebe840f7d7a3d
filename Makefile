# `make` lists the targets. Every target sets up what it needs, uv included; nothing but Python 3.11 and make is assumed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.8
UV := .uv/bin/uv
RUN := .venv/bin
WORK ?= build/export-tflite
JOBS ?= 2

export UV_PYTHON_DOWNLOADS := never
# Once for all: where Python may not write bytecode, every start of TensorFlow would compile it anew, for five seconds.
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-targets browser-page android-runner kotlin export-tflite test lint bench bench-quantization docker-check clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## Set up the environment in .venv, from the lock file

$(UV):
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.ready: $(UV) pyproject.toml uv.lock
	$(UV) sync --locked --python $(PYTHON)
	@touch $@

export-tflite: setup ## The main job: make data, train, quantize, export, bundle, check parity; FAMILIES="mlp stgcn" picks
	$(RUN)/python tools/export_tflite.py --work $(WORK) --families $(FAMILIES)

test: setup ## Run all tests in JOBS processes (2); ARGS="-k name" narrows them
	$(RUN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## Check formatting, lint and types
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy

bench: setup ## Measure speeds, as ratios within one run
	$(RUN)/python benchmarks/render_hands.py
	@test -d $(WORK)/runs/stgcn/export || $(MAKE) export-tflite
	$(RUN)/python benchmarks/latency.py $(WORK)/runs/mlp
	$(RUN)/python benchmarks/kotlin_latency.py $(foreach name,mlp gesture_embedder lstm transformer stgcn,$(WORK)/runs/$(name))
	$(RUN)/python benchmarks/across_sources.py
	$(RUN)/python benchmarks/signs_baseline.py $(WORK)/signs-20-0.parquet $(foreach name,lstm transformer stgcn,--run $(WORK)/runs/$(name))
	$(RUN)/python benchmarks/training_step.py
	$(RUN)/python benchmarks/read_cache.py
	$(RUN)/python benchmarks/capture_video.py
	$(RUN)/python benchmarks/capture_scale.py
	$(RUN)/python benchmarks/service_load.py $(WORK)/runs/mlp

bench-quantization: setup ## Measure what int8 costs and gains: all families, 3 seeds, made and real data; takes an hour
	$(RUN)/python benchmarks/quantization.py
	$(RUN)/python benchmarks/low_bits.py
	$(RUN)/python benchmarks/learning_rates.py

setup-targets: setup ## Find or install what parity on browser, arm64, android and jvm needs; apt packages only as root
	$(RUN)/python tools/setup_targets.py

browser-page: setup ## Build the page that parity runs in browsers, and that people can open
	cd export/browser && npm ci --ignore-scripts --no-audit --no-fund && npm run build

kotlin: setup ## Build the Kotlin library, and its jar that parity runs on the JVM
	$(RUN)/python tools/build_kotlin.py

android-runner: setup ## Build the native runner that parity pushes to a phone
	$(RUN)/python tools/build_android_runner.py

docker-check: setup ## Build the container images without an engine and run them (root, buildah, debootstrap); IMAGE=serve picks
	$(RUN)/python tools/docker_check.py $(if $(IMAGE),--image $(IMAGE))

clean: ## Remove what the other targets made, but not the environment
	rm -rf build .mypy_cache .pytest_cache .ruff_cache src/signport/parity/browser/page src/signport/parity/jvm/jar export/android/build export/android/.gradle export/browser/node_modules
