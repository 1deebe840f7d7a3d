# `make` lists the targets. Every target sets up what it needs, uv included; nothing but Python 3.11 and make is assumed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.8
UV := .uv/bin/uv
RUN := .venv/bin
WORK ?= build/export-tflite
JOBS ?= 2
SEQUENCES := lstm transformer stgcn conv_transformer

export UV_PYTHON_DOWNLOADS := never
# Once for all: where Python may not write bytecode, every start of TensorFlow would compile it anew, for five seconds.
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-targets browser-page android-runner kotlin export-tflite test lint reference bench bench-quantization fuzz kills docs docs-pictures wheel-check docker-check clean

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

bench: setup ## Measure side by side with what people use instead, then single parts; ratios within one run
	$(RUN)/python benchmarks/render_hands.py
	@test -d $(WORK)/runs/stgcn/export || $(MAKE) export-tflite
	$(RUN)/python benchmarks/side_by_side --runs $(WORK)/runs
	$(RUN)/python benchmarks/latency.py $(WORK)/runs/mlp
	$(RUN)/python benchmarks/kotlin_latency.py $(foreach name,mlp gesture_embedder $(SEQUENCES),$(WORK)/runs/$(name))
	$(RUN)/python benchmarks/signs_baseline.py $(WORK)/signs-20-0.parquet $(foreach name,$(SEQUENCES),--run $(WORK)/runs/$(name))
	$(RUN)/python benchmarks/sequence_families.py
	$(RUN)/python benchmarks/read_cache.py
	$(RUN)/python benchmarks/capture_scale.py
	$(RUN)/python benchmarks/service_load.py $(WORK)/runs/mlp

bench-quantization: setup ## Measure what int8 costs and gains: all families, 3 seeds, made and real data; takes an hour
	$(RUN)/python benchmarks/quantization.py
	$(RUN)/python benchmarks/low_bits.py
	$(RUN)/python benchmarks/learning_rates.py

reference: setup ## Train all families on real data, beside scikit-learn's models; resumable; DATA=../shared/data
	$(RUN)/python benchmarks/reference --data $(or $(DATA),../shared/data)

fuzz: setup ## Give every reader 10,000 damaged inputs (Linux); ARGS="--readers npz --runs 500" narrows it
	$(RUN)/python tools/fuzz.py $(ARGS)

kills: setup ## Kill capture, training, export and embed with SIGKILL, 50 times each, and compare what resumes
	$(RUN)/python benchmarks/kill_and_resume.py

docs: setup ## Build the documentation into build/site, strictly
	NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build --strict --quiet --site-dir build/site

docs-pictures: setup ## Draw the pictures of docs/ again, from what export-tflite made
	$(RUN)/python tools/draw_docs.py --work $(WORK)

setup-targets: setup ## Find or install what parity on browser, arm64, android and jvm needs; apt packages only as root
	$(RUN)/python tools/setup_targets.py

browser-page: setup ## Build the page that parity runs in browsers, and that people can open
	cd export/browser && npm ci --ignore-scripts --no-audit --no-fund && npm run build

kotlin: setup ## Build the Kotlin library, and its jar that parity runs on the JVM
	$(RUN)/python tools/build_kotlin.py

android-runner: setup ## Build the native runner that parity pushes to a phone
	$(RUN)/python tools/build_android_runner.py

wheel-check: setup ## Build the wheel, install it into an empty environment and try it out there; minutes, 3 GB
	$(RUN)/python tools/wheel_check.py

docker-check: setup ## Build the container images without an engine and run them (root, buildah, debootstrap); IMAGE=serve picks
	$(RUN)/python tools/docker_check.py $(if $(IMAGE),--image $(IMAGE))

clean: ## Remove what the other targets made, but not the environment
	rm -rf build .mypy_cache .pytest_cache .ruff_cache src/signport/parity/browser/page src/signport/parity/jvm/jar export/android/build export/android/.gradle export/browser/node_modules
