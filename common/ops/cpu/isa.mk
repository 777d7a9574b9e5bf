# The kernels of common/ops/cpu, compiled once for each instruction set the target may have.
# common/ops/cpu/kernels.c chooses one at run time.

isa_target := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
isa_names  := portable

# Vectors are arguments only of functions that are inlined.
isa_flags_portable := -Wno-psabi
ifeq ($(isa_target),x86_64)
isa_names            += avx2 avx512 vnni avx512bf16
isa_flags_avx2       := -mavx2 -mfma -mf16c
isa_flags_avx512     := $(isa_flags_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq
isa_flags_vnni       := $(isa_flags_avx512) -mavx512vnni
isa_flags_avx512bf16 := $(isa_flags_vnni) -mavx512bf16
endif
ifeq ($(isa_target),aarch64)
isa_names         += neon dotprod
isa_flags_neon    := -DISA_NEON
isa_flags_dotprod := -DISA_NEON -march=armv8.2-a+dotprod
endif

library_src += common/ops/cpu/kernels.c
isa_obj     := $(isa_names:%=$(B)/common/ops/cpu/isa.%.o)
library_obj += $(B)/common/ops/cpu/kernels.o $(isa_obj)

$(isa_obj): $(B)/common/ops/cpu/isa.%.o: common/ops/cpu/isa.c
	@mkdir -p $(@D)
	@$(CC) $(cflags) -MMD -MP $(CPPFLAGS) $(CFLAGS) -O3 $(isa_flags_$*) -DISA_TABLE=cpu_$* -c -o $@ $<
