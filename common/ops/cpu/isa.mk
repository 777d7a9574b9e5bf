# The kernels of common/ops/cpu, compiled once for each instruction set the target may have.
# common/ops/cpu/kernels.c chooses one at run time.

isa_target := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
isa_names  := portable

isa_flags_portable :=
ifeq ($(isa_target),x86_64)
isa_names            += avx2 avx512 avx512bf16
isa_flags_avx2       := -mavx2 -mfma
isa_flags_avx512     := -mavx2 -mfma -mavx512f -mavx512bw -mavx512vl -mavx512dq
isa_flags_avx512bf16 := $(isa_flags_avx512) -mavx512bf16
endif
ifeq ($(isa_target),aarch64)
isa_names      += neon
isa_flags_neon := -DISA_NEON
endif

library_src += common/ops/cpu/kernels.c
isa_obj     := $(isa_names:%=$(B)/common/ops/cpu/isa.%.o)
library_obj += $(B)/common/ops/cpu/kernels.o $(isa_obj)

$(isa_obj): $(B)/common/ops/cpu/isa.%.o: common/ops/cpu/isa.c
	@mkdir -p $(@D)
	@$(CC) $(cflags) -MMD -MP $(CPPFLAGS) $(CFLAGS) -O3 $(isa_flags_$*) -DISA_TABLE=cpu_$* -c -o $@ $<
