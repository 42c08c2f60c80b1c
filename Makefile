# SPDX-License-Identifier: BSD-2-Clause
#
#   make            builds build/beartrap
#   make deps       installs what building and testing need (Debian 12)
#   make demo       the demonstration: a leaky MCP server and its correct twin
#   make check      every test that can run as this user; make check-kernel: the kernel side under
#                   Debian's 6.1 and 6.12 in virtual machines, which is a part of check as root
#   make bench      measurements; make fuzz: fuzzing, FUZZ_SECONDS each
#   make soak       servers under load with churn for SOAK_SECONDS, as root: does anything grow or get lost?
#   make install    PREFIX=/usr/local DESTDIR=
#
# V=1 shows the commands, SANITIZE=address,undefined builds with sanitizers,
# VMLINUX_H=FILE uses a generated vmlinux.h for the BPF programs.

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/sh

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
SANITIZE ?=
VMLINUX_H ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800

BUILD ?= $(if $(SANITIZE),build-san,build)
# One name for one place: dependency files hold the names that were built.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
VERSION := $(or $(shell git describe --tags --dirty --always 2>/dev/null),unknown)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
# make -s is silent.
say = $(if $(findstring s,$(firstword -$(MAKEFLAGS))),@:,@printf '  %-8s %s\n' $(1) $(2))
endif

ARCH := $(shell uname -m)
BPF_ARCH := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(ARCH)))

WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wpointer-arith \
	-Wformat=2 -Wvla -Wundef -Wno-unused-parameter
MAPS := -ffile-prefix-map=$(CURDIR)=.
# A build with sanitizers is made for the tests alone: line numbers are all of the debug information it needs.
CFLAGS ?= $(if $(SANITIZE),-O1 -g1,-O2 -g)
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(MAPS) -fno-strict-aliasing \
	-fstack-protector-strong -fPIE -MMD -MP \
	-D_GNU_SOURCE -Iinclude -Iuser -I$(BUILD)/gen \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer,-D_FORTIFY_SOURCE=2)
ALL_LDFLAGS = $(LDFLAGS) -pie -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=$(SANITIZE))

# Lowest layer first: a layer may include and link only those before it (tools/check-layers).
LAYERS := base sample event proc stream proto detect flow alert engine report cases
ALL_LAYERS := $(LAYERS) capture cli

# Static libraries in the order that the linker wants them: highest first.
reverse = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
upto = $(if $(1),$(if $(filter $(2),$(firstword $(1))),$(2),$(firstword $(1)) $(call upto,$(wordlist 2,$(words $(1)),$(1)),$(2))))
archives = $(patsubst %,$(BUILD)/lib/%.a,$(call reverse,$(1)))

LIBS_base := -lsodium
LIBS_proto := -lnghttp2 -lbrotlidec
LIBS_detect := -lcjson -lpcre2-8
LIBS_core := $(LIBS_base) $(LIBS_proto) $(LIBS_detect) -lz -lm
LIBS_capture := -lbpf -lelf -lcapstone -lz

# Rewritten when the version changes, and only then.
VERSION_LINE := static const char beartrap_version[] = "$(VERSION)";
ifneq ($(shell cat $(BUILD)/gen/version.h 2>/dev/null),$(VERSION_LINE))
$(shell mkdir -p $(BUILD)/gen && echo '$(VERSION_LINE)' >$(BUILD)/gen/version.h)
endif

objs = $(patsubst user/%.c,$(BUILD)/obj/%.o,$(wildcard user/$(1)/*.c))
BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
SKEL := $(BUILD)/gen/beartrap.skel.h

.PHONY: all
all: $(BUILD)/beartrap

# Names every missing package before the compiler stumbles over the first.
$(BUILD)/.deps-ok: tools/deps.sh
	@mkdir -p $(@D)
	@tools/deps.sh missing build
	@touch $@

$(BUILD)/beartrap: $(call archives,$(ALL_LAYERS))
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LIBS_core) $(LIBS_capture)

define layer_rule
$(BUILD)/lib/$(1).a: $$(call objs,$(1))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcsD $$@ $$^
endef
$(foreach l,$(ALL_LAYERS),$(eval $(call layer_rule,$(l))))

$(BUILD)/obj/%.o: user/%.c | $(BUILD)/.deps-ok
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The rule files are part of the program: .incbin, looked up from the top directory.
$(BUILD)/obj/detect/builtin.o: $(wildcard rules/*.json) $(wildcard rules/schema/*.json)
$(BUILD)/obj/cases/builtin.o: ALL_CFLAGS += -Wa,-I$(BUILD)/gen
$(BUILD)/obj/cases/builtin.o: $(BUILD)/gen/cases.txt
$(BUILD)/gen/cases.txt: tools/bundle-cases tests/replay/cases $(wildcard tests/replay/cases/*/*.jsonl)
	$(call say,CASES,$@)
	@mkdir -p $(@D)
	$(Q)tools/bundle-cases $(abspath $@)
$(call objs,capture): $(SKEL)

BPF_CFLAGS = -g -O2 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Werror $(MAPS) \
	$(if $(VMLINUX_H),-include $(VMLINUX_H)) -Ivmlinux -Iinclude -Ibpf

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | $(BUILD)/.deps-ok
	$(call say,CLANG,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/bpf/beartrap.o: $(BPF_OBJ)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(BUILD)/bpf/beartrap.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q){ echo '/* NOLINTBEGIN: generated */' && $(BPFTOOL) gen skeleton $< name beartrap_bpf && echo '/* NOLINTEND */'; } > $@

# --- tests ---------------------------------------------------------------------------------

# tests/unit/LAYER/test_X.c links LAYER and what is below it.
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
define unit_rule
$(BUILD)/tests/unit/$(1)/%: tests/unit/$(1)/%.c $$(wildcard tests/lib/*.h) $$(call archives,$$(call upto,$(LAYERS),$(1)))
	$$(call say,TEST,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) -Itests/lib $$(ALL_LDFLAGS) -o $$@ $$< -Wl,--start-group \
		$$(filter %.a,$$^) -Wl,--end-group $$(LIBS_core) -lcmocka
endef
$(foreach l,$(LAYERS),$(eval $(call unit_rule,$(l))))

FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_CORPUS_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/corpus_main.c $(call archives,$(LAYERS))
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/lib $(ALL_LDFLAGS) -o $@ $(filter %.c,$^) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LIBS_core)

# The one parser in capture/.
$(BUILD)/tests/fuzz/fuzz_gopclntab $(BUILD)/tests/libfuzzer/fuzz_gopclntab: $(BUILD)/lib/capture.a

# The same harnesses as real fuzzers: tests/fuzz/run sets CC=clang and SANITIZE=...,fuzzer-no-link.
$(BUILD)/tests/libfuzzer/%: tests/fuzz/%.c $(call archives,$(LAYERS))
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/lib $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LIBS_core)

# tests/bpf/test_X.c: needs root and the capture layer.
BPF_TEST_SRC := $(wildcard tests/bpf/test_*.c)
BPF_TEST_BIN := $(BPF_TEST_SRC:tests/bpf/%.c=$(BUILD)/tests/bpf/%)
$(BUILD)/tests/bpf/%: tests/bpf/%.c $(wildcard tests/lib/*.h tests/bpf/*.h) $(SKEL) $(call archives,$(LAYERS) capture)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/lib $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LIBS_core) $(LIBS_capture) $(LIBS_test) -lcmocka -lpthread
$(BUILD)/tests/bpf/test_uring $(BUILD)/tests/bpf/test_uring_cases: LIBS_test := -luring

# The programs by other clangs of Debian 12, and what shows that they load. One clang and linker line each.
CLANGS := 16 19
define clang_rule
$(BUILD)/clang$(1)/%.bpf.o: bpf/%.bpf.c | $(BUILD)/.deps-ok
	$$(call say,CLANG-$(1),$$<)
	@mkdir -p $$(@D)
	$$(Q)clang-$(1) $$(BPF_CFLAGS) -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<

$(BUILD)/clang$(1)/beartrap.skel.h: $(BPF_SRC:bpf/%.c=$(BUILD)/clang$(1)/%.o)
	$$(call say,SKEL,$$@)
	$$(Q)$(BPFTOOL) gen object $(BUILD)/clang$(1)/beartrap.o $$^
	$$(Q)$(BPFTOOL) gen skeleton $(BUILD)/clang$(1)/beartrap.o name beartrap_bpf > $$@

$(BUILD)/clang$(1)/test_programs: $(BUILD)/clang$(1)/beartrap.skel.h tests/bpf/test_programs.c $(wildcard user/capture/*.[ch] tests/bpf/rig.h) $(call archives,$(call upto,$(LAYERS),event))
	$$(call say,TEST,$$@)
	$$(Q)$(CC) -I$$(@D) $$(ALL_CFLAGS) -Itests/lib $$(ALL_LDFLAGS) -o $$@ $$(filter %.c,$$^) -Wl,--start-group \
		$$(filter %.a,$$^) -Wl,--end-group $$(LIBS_base) $$(LIBS_capture) -lcmocka
endef
$(foreach c,$(CLANGS),$(eval $(call clang_rule,$(c))))
CLANG_TEST_BIN := $(CLANGS:%=$(BUILD)/clang%/test_programs)

# Go programs that tests of the kernel side watch; stripped ones are made from the same source.
GO_BIN := $(BUILD)/go/leaks $(foreach n,tls client,$(BUILD)/go/$(n) $(BUILD)/go/$(n)-stripped)
$(BUILD)/go/tls $(BUILD)/go/tls-stripped: tests/bpf/go/tls.go
$(BUILD)/go/client $(BUILD)/go/client-stripped: tests/e2e/go/client.go
$(BUILD)/go/leaks: tests/e2e/go/leaks.go
$(GO_BIN): tests/lib/gobuild
	$(call say,GO,$@)
	$(Q)tests/lib/gobuild $@ $(filter %.go,$^) $(if $(filter %-stripped,$@),-ldflags '-s -w')

$(BUILD)/tests/bench/bench: $(wildcard tests/bench/*.[ch] tests/lib/*.h) $(call archives,$(LAYERS) capture)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/lib $(ALL_LDFLAGS) -o $@ $(filter %.c,$^) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LIBS_core) $(LIBS_capture)

# tests/tools/X.c: helpers that scripts call (token generator, replay-case compiler, ...).
TEST_TOOL_SRC := $(wildcard tests/tools/*.c)
TEST_TOOL_BIN := $(TEST_TOOL_SRC:tests/tools/%.c=$(BUILD)/tests/tools/%)
$(BUILD)/tests/tools/%: tests/tools/%.c $(call archives,$(LAYERS))
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/lib $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LIBS_core)

.PHONY: unit-tests bpf-tests test-tools fuzz-corpus fuzzers
unit-tests: $(UNIT_BIN)
bpf-tests: $(BPF_TEST_BIN) $(CLANG_TEST_BIN) $(GO_BIN)
test-tools: $(TEST_TOOL_BIN)
fuzz-corpus: $(FUZZ_CORPUS_BIN)
fuzzers: $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/tests/libfuzzer/%)

.PHONY: deps
deps:
	@tools/deps.sh install

.PHONY: check check-kernel
check: deps
	@tests/run
check-kernel: deps
	@KERNEL_TESTS=all VM_SECONDS=2700 TEST_SECONDS=2800 tests/run kernel/

.PHONY: demo
demo: deps
	@$(MAKE) all
	@demo/run

.PHONY: bench
bench: all
	@tests/bench/run

.PHONY: soak
soak: all
	@tests/soak/run $(SOAK_SECONDS)

.PHONY: fuzz
fuzz:
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run

.PHONY: install
install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DATADIR)/beartrap/schema
	install -m 755 $(BUILD)/beartrap $(DESTDIR)$(BINDIR)/beartrap
	install -m 644 rules/*.json $(DESTDIR)$(DATADIR)/beartrap/
	install -m 644 rules/schema/*.json $(DESTDIR)$(DATADIR)/beartrap/schema/

.PHONY: clean
clean:
	rm -rf build build-san build-fuzz build-cov

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
