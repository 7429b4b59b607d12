# What a checkout can do; each target sets up what it needs first. CONTRIBUTING.md has the rest.

# Not for set-up, which replaces that Node: everything else runs on it.
on_node_24 = PATH="$(CURDIR)/node_modules/.bin:$$PATH" exec

.PHONY: setup demo test test-long bench bench-large screenshots check

setup:
	@bin/setup

demo: setup
	@$(on_node_24) node src/demo/main.ts

test:
	@bin/setup --test
	@$(on_node_24) vitest run --project 'short*'

test-long:
	@bin/setup --test
	@$(on_node_24) vitest run --project long

# make bench ROW=drain measures one row.
bench: setup
	@$(on_node_24) node bench/main.ts $(ROW)

bench-large: setup
	@$(on_node_24) node bench/main.ts --large

# Pictures of the dashboard, for README and docs.
screenshots:
	@bin/setup --test
	@$(on_node_24) node test/pictures/main.ts

check: setup
	@$(on_node_24) bin/check
