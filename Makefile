# omni: no configure step. Variables you may set: CC, CFLAGS, WERROR=1, prefix, DESTDIR.
#
#   make            build everything into build/
#   make check      install what tests need (Debian, as root), build, run all tests
#   make lint       formatter, static analysis, shell and man page checks
#   make asan       the tests under address and undefined-behaviour sanitizers
#   make fuzz       fuzzers for every parser
#   make bench      measured speeds beside measured ceilings
#   make demo       a WAV from a sentence, all set-up included
#   make install    prefix=/usr/local; make uninstall takes it away again

VERSION := 0.1.0
prefix  ?= /usr/local
B       ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g

packages := popt msgpack jansson libpcre2-8 libutf8proc sndfile soxr nettle vulkan
warnings := -Wall -Wextra -Wpedantic $(if $(WERROR),-Werror)
cflags   := -std=gnu17 -D_GNU_SOURCE -DOMNI_VERSION='"$(VERSION)"' -DOMNI_DATADIR='"$(prefix)/share"' \
            -I. -I$(B) -fopenmp -pthread $(warnings)
pkg_cflags = $(shell pkg-config --cflags $(packages))
pkg_libs   = $(shell pkg-config --libs $(packages)) -lm

library_src := $(wildcard common/*/*.c)
stage_src   := $(filter-out tools/omni-%.c,$(wildcard tools/*.c))
tool_src    := $(wildcard tools/omni-*.c)
check_src   := tests/ops/check.c tests/ops/timing.c
test_src    := $(filter-out $(check_src) tests/fuzz/% tests/preload/%,$(wildcard tests/*/*.c))
tools       := $(tool_src:tools/%.c=$(B)/%)
test_bins   := $(test_src:tests/%.c=$(B)/tests/%)
shader_src  := $(wildcard shaders/*.comp)
shader_obj  := $(shader_src:%.comp=$(B)/%.o)
bench_obj   := $(B)/tests/bench/stream.o $(B)/tests/bench/fma.o
library_obj := $(library_src:%.c=$(B)/%.o) $(stage_src:%.c=$(B)/%.o)

.DEFAULT_GOAL := all
-include common/ops/cpu/isa.mk

all: $(tools)

$(B)/libomni.a: $(library_obj) $(shader_obj)
	@rm -f $@
	@$(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(cflags) -MMD -MP $(pkg_cflags) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Shaders: GLSL to SPIR-V to a C array with the name shader_<file>, see common/gpu/gpu.h. Those for
# matrix units (*_matrix) need a glslang that knows GL_EXT_bfloat16; without one they are empty. They
# are made of subgroups of a known size.
GLSLANG ?= glslangValidator
matrix_probe := '\#version 460\n\#extension GL_EXT_bfloat16 : require\nvoid main() {}\n'
has_matrix   := $(shell printf $(matrix_probe) | $(GLSLANG) --stdin -S comp >/dev/null 2>&1 && echo yes)

ifneq ($(has_matrix),yes)
$(patsubst shaders/%.comp,$(B)/shaders/%.c,$(wildcard shaders/*_matrix.comp shaders/*_matrix2.comp)): Makefile
	@mkdir -p $(@D)
	@{ echo '#include "shaders/programs.h"'; \
		echo 'const struct gpu_program shader_$(@F:.c=) = {"$(@F:.c=)", NULL, 0, false};'; } >$@
endif

$(B)/%_matrix2.c: spirv := --target-env spirv1.6
$(B)/%.c: %.comp Makefile
	@mkdir -p $(@D)
	@$(GLSLANG) --quiet -V --target-env vulkan1.2 $(spirv) -I. --depfile $(@:.c=.d) -x -o $(@:.c=.hex) $<
	@sed -i 's,^[^:]*:,$@:,' $(@:.c=.d)
	@{ echo '#include "shaders/programs.h"'; echo 'static const uint32_t words[] = {'; cat $(@:.c=.hex); \
		echo '};'; echo 'const struct gpu_program shader_$(*F) = {"$(*F)", words, sizeof words,' \
		'$(if $(filter %_matrix,$(*F)),true,false)};'; } >$@

$(shader_obj) $(bench_obj) $(B)/tests/gpu/subgroups.o: %.o: %.c $(B)/shaders/programs.h common/gpu/gpu.h
	@$(CC) $(cflags) $(CFLAGS) -c -o $@ $<

# The declarations of all shaders; touched only when there is another shader.
$(B)/shaders/programs.h: shaders
	@mkdir -p $(@D)
	@{ echo '#include "common/gpu/gpu.h"'; printf '%s\n' $(foreach s,$(shader_src:shaders/%.comp=%),\
		'extern const struct gpu_program shader_$(s);'); } >$@
$(library_obj): | $(B)/shaders/programs.h

$(tools): $(B)/%: $(B)/tools/%.o $(B)/libomni.a
	@$(CC) $(CFLAGS) -fopenmp -pthread $(LDFLAGS) -o $@ $^ $(pkg_libs)

$(filter $(B)/tests/ops/%,$(test_bins)): $(check_src:%.c=$(B)/%.o) $(bench_obj)

$(patsubst %,$(B)/tests/bench/%,gpu code2wav encode_audio): $(bench_obj)
$(B)/tests/gpu/core: $(B)/tests/gpu/subgroups.o

$(test_bins): $(B)/tests/%: $(B)/tests/%.o $(B)/libomni.a
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -fopenmp -pthread $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(pkg_libs)

# Libraries that tests put in front of libc.
preload := $(patsubst %.c,$(B)/%.so,$(wildcard tests/preload/*.c))
$(preload): $(B)/%.so: %.c
	@mkdir -p $(@D)
	@$(CC) -std=gnu17 -D_GNU_SOURCE $(warnings) -O1 -fPIC -shared -o $@ $<

test-programs: $(test_bins) $(preload)

clean:
	@rm -rf $(B)

# ---- tests ----

check:
	@tests/deps.sh test
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=1 all test-programs
	@OMNI_BUILD=$(B) tests/run.sh $(TESTS)

sanitizers := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
asan:
	@$(MAKE) --no-print-directory check B=$(B)/asan CFLAGS="$(sanitizers)"

# Fuzzers for every parser (clang); tests/fuzz/run.sh SECONDS [NAME...] builds and runs them.
fuzz_bins := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))
fuzz_src  := $(filter-out common/ops/%,$(library_src))
fuzz: $(fuzz_bins)
$(B)/fuzz/%: tests/fuzz/%.c $(fuzz_src)
	@mkdir -p $(@D)
	@clang $(cflags) $(pkg_cflags) -Wno-pass-failed -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $< $(filter-out common/nn/%,$(fuzz_src)) $(pkg_libs)

lint: $(B)/shaders/programs.h
	@tests/deps.sh lint
	@tests/lint.sh $(cflags) $(pkg_cflags)

bench: all test-programs
	@OMNI_BUILD=$(B) tests/bench/run.sh

demo:
	@tests/deps.sh build
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@OMNI_BUILD=$(B) tests/demo.sh

# ---- install ----

bindir  = $(DESTDIR)$(prefix)/bin
datadir = $(DESTDIR)$(prefix)/share
scripts := $(wildcard pipelines/omni-*)
pages   := $(wildcard man/*.[157])
# The default model as it is loaded, and under which terms; not the recipe.
parrot  := $(wildcard $(addprefix pipelines/parrot/,*.json merges.txt model.safetensors LICENSES))

install: all
	install -d $(bindir) $(datadir)/omni/parrot $(addprefix $(datadir)/man/man,1 5 7)
	install $(tools) $(scripts) $(bindir)
	install -m 644 pipelines/pipeline.sh $(datadir)/omni
	install -m 644 $(parrot) $(datadir)/omni/parrot
	for s in 1 5 7; do install -m 644 man/*.$$s $(datadir)/man/man$$s; done

uninstall:
	rm -f $(addprefix $(bindir)/,$(notdir $(tools) $(scripts)))
	rm -f $(datadir)/omni/pipeline.sh $(addprefix $(datadir)/omni/parrot/,$(notdir $(parrot)))
	rm -f $(foreach p,$(pages),$(datadir)/man/man$(subst .,,$(suffix $(p)))/$(notdir $(p)))
	-rmdir $(datadir)/omni/parrot $(datadir)/omni

.PHONY: all test-programs clean check asan fuzz lint bench demo install uninstall
.SECONDARY:
-include $(library_obj:.o=.d) $(shader_obj:.o=.d) $(tool_src:%.c=$(B)/%.d) $(test_src:%.c=$(B)/%.d) $(check_src:%.c=$(B)/%.d)
