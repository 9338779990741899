# The front door: a menu without logic. Everything is in scripts/.
.DEFAULT_GOAL := help
.PHONY: help run test test-slow check build known-answers docs clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: build       ## set up, build, and re-make the paper's Table 4 on the bundled MNIST
	@./laser reproduce table4 --seeds 3

test:            ## set up, build, and run the tests
	@scripts/test.sh

test-slow:       ## set up, build, and run the slow tests (hours)
	@LABEL=slow scripts/test.sh

check:           ## formatting, include rule, types (quick)
	@scripts/check.sh

build:           ## set up and build the command; ./laser starts it
	@scripts/setup.sh
	@scripts/build.sh laser_command

known-answers:   ## run the test vectors of FILE=cases.json
	@scripts/setup.sh
	@scripts/build.sh known_answers
	@build/release/bin/known_answers $(FILE)

docs: build      ## write docs/reference.md, docs/laser.1 and python/laser/lists.json from the lists of the command
	@build/release/bin/laser help --markdown >docs/reference.md
	@build/release/bin/laser help --manual >docs/laser.1
	@scripts/install_python.sh && build/python/bin/python scripts/write_lists.py

clean:           ## remove what was built (not the virtual environment)
	@rm -rf build
