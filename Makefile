# Martlet. `make run` starts a whole mail server on this machine; `make test` proves it.
.PHONY: setup build run stop reload test bench faults fuzz format lint help
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup: ## install the Debian packages that are missing
	@deploy/local/setup

build: setup ## build all binaries in release mode
	@deploy/local/build

run: ## build and start everything: PostgreSQL, RabbitMQ, the daemons, two accounts (Ctrl-C stops it)
	@deploy/local/run

stop: ## stop what `make run` started; mail stays
	@deploy/local/stop

reload: ## make the running daemons read their settings and certificates again
	@deploy/local/reload

test: ## unit, integration and end-to-end tests and faults under load, on servers they start themselves (about 25 minutes)
	@Tests/run

faults: ## break a running system in many ways under load and account for every mail (about an hour)
	@deploy/local/setup --test --faults && deploy/local/build && Tests/Faults/run $(FAULTS)

bench: ## measure this server and its peers in one run
	@Tests/Benchmarks/run

fuzz: ## fuzz every parser for a minute each (Tests/Fuzz/run --minutes N for longer)
	@Tests/Fuzz/run

format: ## format the Swift sources
	@swift format --in-place --recursive --parallel Package.swift Services Shared Tests

lint: ## check the format of the Swift sources
	@swift format lint --strict --recursive --parallel Package.swift Services Shared Tests
