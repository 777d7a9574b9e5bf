/* A row through decoder layers with experts, in one kernel that stays, see layers.h.
 *
 * What a layer of five dependent dispatches costs beside its bytes is starting and ending them: each
 * 2 us, then the code comes anew, x is made ready and the first weights are waited for. Here a
 * workgroup stays on its multiprocessor; weights do not depend on activations, so those of the next
 * part are asked for before the meeting that comes before it.
 *
 * A layer, at the released thinker's sizes in q8_0 (60 MB, 19 us at 3.1 TB/s), and where its weights are
 * asked for:
 *     qkv      11.1 MB   before the last layer ends
 *     attention          the first keys before qkv ends
 *     out       8.9 MB   before attention ends
 *     hidden   26.7 MB   when the experts are chosen: nothing can be asked for before
 *     down     13.4 MB   before hidden ends
 * A meeting takes 1 us, making x ready, multiplying and adding up 1.5: so with the experts' 9 us 25 to
 * 30 us are what can be hoped for. On one H100 a layer takes 41 us behind 300 keys, 44 behind 600, where
 * dispatches take 53; of these, found by leaving parts out, 5 qkv, 4 attention (of 300), 5 out, 4 the
 * choice of experts. Registers are what is short: 255 are not enough for longer rows of weights on
 * their way, and a few that went to memory cost a tenth to a fifth of the speed, 512 threads of 128
 * each more.
 *
 * Vulkan does not promise that workgroups run at the same time. Whoever waits too long marks the count
 * as lost, and all leave; the sweep, one workgroup that is launched behind, then does it all again. So
 * x stays as it is until then: layers work on a copy. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/layers_constants.glsl"

layout(constant_id = 0) const uint W_TYPE = 2;
const uint SHARED_INNER = 0;

/* Rows of each matrix that a team has at once: at the released sizes all of them, but for the
 * experts' gates and ups. More would take registers that are needed. */
const uint QKV_ROWS = 5, OUT_ROWS = 2, MIX_ROWS = 2, DOWN_ROWS = 2;
const uint SQUARES = QKV_ROWS > 2 * MIX_ROWS ? QKV_ROWS : 2 * MIX_ROWS; /* the sum behind rows' */
const uint SUMS = SQUARES + 1;
#include "shaders/lib/quant.glsl"

#include "shaders/lib/layers_room.glsl"
#include "shaders/lib/layers_rows.glsl"
#include "shaders/lib/layers_attention.glsl"
#include "shaders/lib/layers_experts.glsl"
#include "shaders/lib/layers_once.glsl"
#include "shaders/lib/layers_main.glsl"
