# The front door. Each target is one command of tools/ or meson; see docs/setup.md.
#
#   BUILD    build folder (build)          PREFIX   where `make install` puts things (/usr/local)
#   DESTDIR  staging folder of packagers   GROUPS   what `make setup` installs
#   TEST_OPTIONS  for tools/run-tests, such as "--suite sketch" or --no-skips

BUILD = build
PREFIX = /usr/local
DESTDIR =
GROUPS = run build test lint
OPTIONS = -Dbuildtype=release
TEST_OPTIONS =

.PHONY: help setup demo test lint smoke guard guard-record run-worker bench bench-network \
    install clean test-arm64 golden

help:
	@sed -n 's/^#: *//p' Makefile

#: make setup        install what is missing (apt or brew); GROUPS="run build test lint arm64 reference train"
setup:
	@tools/setup $(GROUPS)

#: make demo         build, make one clip, say where it is
demo:
	@tools/setup run build
	@tools/build $(BUILD) $(OPTIONS)
	@tools/demo $(BUILD)

#: make test         build and run every test; last line: N passed, N failed
test:
	@tools/setup run build test
	@tools/build $(BUILD) $(OPTIONS) -Dtests=enabled
	@tools/run-tests $(BUILD) $(TEST_OPTIONS)

#: make lint         formatting, static analysis, and the rules of the tree
lint:
	@tools/setup run build test lint
	@tools/build $(BUILD) $(OPTIONS) -Dtests=enabled
	@.venv-lint/bin/python -m tools.lint --build $(BUILD)

#: make test-arm64   cross-build the engine and test it under qemu-aarch64
test-arm64:
	@tools/test-arm64

#: make bench        build and run the benchmarks
bench:
	@tools/setup run build
	@tools/build $(BUILD) $(OPTIONS)
	@tools/bench $(BUILD)

#: make bench-network  the neural engine beside its peers, one table and CSV; MODEL= a folder, BENCH= options
bench-network:
	@tools/setup run build
	@tools/build $(BUILD) $(OPTIONS)
	@python3 -m bench.network $(MODEL) --build $(BUILD) $(BENCH)

#: make guard        instructions of the hot loops against their bounds; guard-record renews the bounds
guard guard-record:
	@tools/setup run build lint
	@tools/build $(BUILD) $(OPTIONS)
	@bench/guard.py $(BUILD)/bench/guard $(if $(filter guard-record,$@),--record)

#: make smoke        one clip by a neural model, twice; TIMBRE_TEST_MODEL names it (else 3: the tiny one)
smoke:
	@tools/setup run build
	@tools/build $(BUILD) $(OPTIONS)
	@tools/riffusion-smoke $(BUILD)/cli/timbre

#: make run-worker   build, and run the worker in the foreground; SERVE= options of timbre serve
run-worker:
	@tools/setup run build
	@tools/build $(BUILD) $(OPTIONS)
	@$(BUILD)/cli/timbre serve $(SERVE)

#: make golden       regenerate reference vectors and show what changed
golden:
	@tools/setup lint reference
	@tools/venv golden
	@tools/venv diffusers-0.24
	@tools/golden/run
	@tools/reference/run

#: make install      into PREFIX (and DESTDIR)
install:
	@tools/setup run build
	@tools/build $(BUILD) $(OPTIONS) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(DESTDIR))

#: make clean        remove the build folders and the tools' virtual environments
clean:
	@rm -rf build build-*/ .venv*/
