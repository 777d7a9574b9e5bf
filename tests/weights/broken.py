#!/usr/bin/env python3
"""Makes broken checkpoints out of a good one:  broken.py GOOD OUT

GOOD is a model directory with one model.safetensors. Each case becomes a directory OUT/CASE, and a line
"CASE<tab>exit code<tab>words the message must have" on stdout.
"""
import copy
import json
import pathlib
import shutil
import struct
import sys


def pack(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Checkpoint:
    """The parts of the good file, small enough to rewrite for every case."""

    def __init__(self, folder):
        raw = (folder / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        self.raw = raw
        self.header = json.loads(raw[8:8 + length])
        self.data = raw[8 + length:]
        self.first = next(name for name, t in self.header.items()
                          if name != "__metadata__" and t["data_offsets"][0] == 0)

    def with_first(self, **changes):
        """The file with other values for the first tensor."""
        header = copy.deepcopy(self.header)
        header[self.first].update(changes)
        return pack(header, self.data)

    def without_first(self, key):
        header = copy.deepcopy(self.header)
        del header[self.first][key]
        return pack(header, self.data)


def header_cases(good):
    """case: (file, words). All are exit 65."""
    first, data = good.header[good.first], good.data
    text = json.dumps(good.header)
    twice = text[:-1] + ', "%s": %s}' % (good.first, json.dumps(first))
    shape, (begin, end) = first["shape"], first["data_offsets"]
    name = f"tensor '{good.first}'"
    yield "empty", b"", "no safetensors file"
    yield "seven-bytes", good.raw[:7], "no safetensors file"
    yield "length-huge", struct.pack("<Q", 2**63) + good.raw[8:], "a header of 9223372036854775808 bytes"
    yield "length-all-ones", struct.pack("<Q", 2**64 - 1) + good.raw[8:], "a header of"
    yield "length-past-end", struct.pack("<Q", len(good.raw) - 7) + good.raw[8:], "a header of"
    yield "header-cut", struct.pack("<Q", 100) + good.raw[8:], "line 1"
    yield "header-empty", pack(b"", data), "line 1"
    yield "header-no-json", pack(b"hello", data), "line 1"
    yield "header-array", pack(b"[]", data), "not a JSON object"
    yield "header-latin1", pack(b'{"\xe9": 1}', data), "line 1"
    yield "header-nul", pack(b'{"a\\u0000b": 1}', data), "line 1"
    yield "header-deep", pack(b"[" * 100000, data), "line 1"
    yield "name-twice", pack(twice.encode(), data), "duplicate"
    yield "entry-no-object", pack(json.dumps({**good.header, good.first: 7}).encode(), data), name
    yield "dtype-missing", good.without_first("dtype"), name + " has an unknown dtype"
    yield "dtype-unknown", good.with_first(dtype="BF17"), name + " has an unknown dtype"
    yield "dtype-number", good.with_first(dtype=16), name + " has an unknown dtype"
    yield "dtype-other", good.with_first(dtype="F64"), "do not agree"
    yield "shape-missing", good.without_first("shape"), name + " has no shape"
    yield "shape-negative", good.with_first(shape=[-1] + shape[1:]), "natural numbers"
    yield "shape-real", good.with_first(shape=[1.5]), "natural numbers"
    yield "shape-string", good.with_first(shape="64"), name + " has no shape"
    yield "shape-rank", good.with_first(shape=[1] * 9), "more than 8 dimensions"
    yield "shape-overflow", good.with_first(shape=[2**62, 2**62]), "too large"
    yield "shape-bytes-overflow", good.with_first(shape=[2**61 + (end - begin) // 2]), "do not agree"
    yield "shape-too-big-integer", good.with_first(shape=[2**70]), "line 1"
    yield "shape-wrong", good.with_first(shape=[shape[0] + 1] + shape[1:]), "do not agree"
    yield "offsets-missing", good.without_first("data_offsets"), "has no data_offsets"
    yield "offsets-three", good.with_first(data_offsets=[begin, end, end]), "has no data_offsets"
    yield "offsets-negative", good.with_first(data_offsets=[-2, end - 2]), "has no data_offsets"
    yield "offsets-real", good.with_first(data_offsets=[0.0, 2.0]), "has no data_offsets"
    yield "offsets-backwards", good.with_first(data_offsets=[end, begin]), "outside the file"
    yield "offsets-past-end", good.with_first(data_offsets=[len(data), len(data) + end]), "outside the file"
    yield "overlap", pack({**good.header, "zz": first}, data), "overlaps"
    gap = {k: v for k, v in good.header.items() if k != good.first}
    yield "gap-first", pack(gap, data), "leaves a gap"
    yield "bytes-after", good.raw + b"\0", "1 bytes after the last tensor"
    yield "data-cut", good.raw[:-1], "outside the file"


def index_cases(good):
    """case: ({file: bytes}, code, words)"""
    names = [n for n in good.header if n != "__metadata__"]
    shard = "model-00001-of-00001.safetensors"

    def case(weight_map, files=None):
        index = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
        return {"model.safetensors.index.json": index, **(files or {shard: good.raw})}

    whole = dict.fromkeys(names, shard)
    yield "index-no-json", {"model.safetensors.index.json": b"{"}, 65, "model.safetensors.index.json: line 1"
    yield "index-no-map", {"model.safetensors.index.json": b"{}"}, 65, "no weight_map"
    yield "index-map-array", {"model.safetensors.index.json": b'{"weight_map": []}'}, 65, "no weight_map"
    yield "index-number", case({**whole, names[0]: 5}), 65, "is not in a file of this directory"
    yield "index-up", case({**whole, names[0]: "../tiny/model.safetensors"}), 65, "is not in a file of this"
    yield "index-absolute", case({**whole, names[0]: "/etc/passwd"}), 65, "is not in a file of this directory"
    yield "index-dots", case({**whole, names[0]: ".."}), 65, "is not in a file of this directory"
    yield "index-empty-name", case({**whole, names[0]: ""}), 65, "is not in a file of this directory"
    yield "shard-missing", case({**whole, names[0]: "model-00002-of-00002.safetensors"}), 66, "No such file"
    yield "shard-lacks", case({**whole, "thinker.nothing": shard}), 65, shard + ": no tensor 'thinker.nothing'"
    both = {shard: good.raw, "b.safetensors": good.raw}
    yield "tensor-twice", case({**whole, names[0]: "b.safetensors"}, both), 65, "too"
    yield "no-weights", {}, 66, "no model.safetensors, no"


CONFIG_CASES = [  # case, path, value (None: remove), code, words
    ("type-other", "model_type", "qwen2_5_omni", 78, "only qwen3_omni_moe is supported"),
    ("type-missing", "model_type", None, 78, "model_type is missing"),
    ("thinker-missing", "thinker_config", None, 65, "thinker_config is missing"),
    ("thinker-array", "thinker_config", [], 65, "thinker_config is not an object"),
    ("hidden-missing", "thinker_config.text_config.hidden_size", None, 65, "hidden_size is missing"),
    ("hidden-string", "thinker_config.text_config.hidden_size", "64", 65, "is not an integer"),
    ("hidden-real", "thinker_config.text_config.hidden_size", 64.5, 65, "is not an integer"),
    ("hidden-zero", "thinker_config.text_config.hidden_size", 0, 65, "is 0, not in 1.."),
    ("hidden-negative", "thinker_config.text_config.hidden_size", -64, 65, "is -64, not in 1.."),
    ("hidden-huge", "thinker_config.text_config.hidden_size", 2**40, 65, "not in 1.."),
    ("layers-huge", "thinker_config.text_config.num_hidden_layers", 2**31, 65, "not in 1.."),
    ("kv-heads", "thinker_config.text_config.num_key_value_heads", 3, 78, "no multiple of 3 kv heads"),
    ("head-odd", "thinker_config.text_config.head_dim", 15, 78, "it must be even"),
    ("head-long", "thinker_config.text_config.head_dim", 130, 78, "is 130: it must be even, at most 128"),
    ("heads-many", "thinker_config.text_config.num_attention_heads", 98, 78, "more than 48 for each kv head"),
    ("top-k", "thinker_config.text_config.num_experts_per_tok", 9, 78, "of only 8 experts"),
    ("sparse-step", "thinker_config.text_config.decoder_sparse_step", 2, 78, "dense layers not supported"),
    ("dense-layers", "thinker_config.text_config.mlp_only_layers", [0], 78, "dense layers not supported"),
    ("activation", "thinker_config.text_config.hidden_act", "gelu", 78, "only silu is supported"),
    ("attention-bias", "thinker_config.text_config.attention_bias", True, 78, "not supported"),
    ("eps-zero", "thinker_config.text_config.rms_norm_eps", 0, 65, "rms_norm_eps is 0"),
    ("theta-string", "thinker_config.text_config.rope_parameters.rope_theta", "1e6", 65, "is not a number"),
    ("rope-type", "thinker_config.text_config.rope_parameters.rope_type", "yarn", 78, "only default"),
    ("mrope-sum", "thinker_config.text_config.rope_parameters.mrope_section", [4, 2, 3], 78, "share out"),
    ("mrope-height", "thinker_config.text_config.rope_parameters.mrope_section", [2, 3, 3], 78, "share out"),
    ("mrope-two", "thinker_config.text_config.rope_parameters.mrope_section", [4, 4], 78, "share out"),
    ("mrope-negative", "thinker_config.text_config.rope_parameters.mrope_section", [12, -2, -2], 65, "is -2"),
    ("mrope-plain", "thinker_config.text_config.rope_parameters.mrope_interleaved", False, 78, "not supported"),
    ("mels", "thinker_config.audio_config.num_mel_bins", 80, 78, "num_mel_bins is 80"),
    ("window", "thinker_config.audio_config.n_window", 100, 78, "n_window is 100"),
    ("window-infer", "thinker_config.audio_config.n_window_infer", 250, 78, "no multiple of 100"),
    ("audio-width", "thinker_config.audio_config.output_dim", 65, 78, "output_dim is 65"),
    ("audio-heads", "thinker_config.audio_config.encoder_attention_heads", 3, 78, "no multiple of 3 heads"),
    ("audio-head-odd", "thinker_config.audio_config.encoder_attention_heads", 32, 78, "no multiple of 32 heads"),
    ("audio-head-long", "thinker_config.audio_config.d_model", 1024, 78, "up to 128 each"),
    ("audio-scale", "thinker_config.audio_config.scale_embedding", True, 78, "not supported"),
    ("vision-width", "thinker_config.vision_config.out_hidden_size", 65, 78, "out_hidden_size is 65"),
    ("deepstack", "thinker_config.vision_config.deepstack_visual_indexes", [0, 99], 65, "is 99"),
    ("token-high", "thinker_config.audio_token_id", 512, 65, "audio_token_id is 512"),
    ("token-negative", "im_start_token_id", -1, 65, "im_start_token_id is -1"),
    ("token-missing", "tts_bos_token_id", None, 65, "tts_bos_token_id is missing"),
    ("flag-number", "enable_audio_output", 1, 65, "is not true or false"),
    ("accept", "talker_config.accept_hidden_layer", 5, 78, "of only 4 thinker layers"),
    ("talker-thinker", "talker_config.thinker_hidden_size", 65, 78, "thinker_hidden_size is 65"),
    ("talker-vocab", "talker_config.text_config.vocab_size", 1000, 65, "vocab_size is 1000"),
    ("codec-low", "talker_config.codec_eos_token_id", 63, 65, "codec_eos_token_id is 63"),
    ("codec-missing", "talker_config.codec_pad_id", None, 65, "codec_pad_id is missing"),
    ("speaker", "talker_config.speaker_id.ethan", 9999, 65, "ethan is 9999"),
    ("shared-missing", "talker_config.text_config.shared_expert_intermediate_size", None, 65, "is missing"),
    ("groups", "talker_config.num_code_groups", 5, 78, "num_code_groups is 4"),
    ("predictor-width", "talker_config.code_predictor_config.hidden_size", 36, 78, "hidden_size is 36"),
    ("predictor-window", "talker_config.code_predictor_config.layer_types", ["sliding_attention"], 78,
     "other layers"),
    ("code2wav-missing", "code2wav_config", None, 65, "code2wav_config is missing"),
    ("quantizers", "code2wav_config.num_quantizers", 5, 78, "num_quantizers is 5"),
    ("codebook", "code2wav_config.codebook_size", 65, 78, "codebook_size is 65"),
    ("rates-empty", "code2wav_config.upsample_rates", [], 65, "upsample_rates is not an array"),
    ("rates-many", "code2wav_config.upsample_rates", [2] * 9, 65, "upsample_rates is not an array"),
    ("rates-zero", "code2wav_config.upsample_rates", [8, 0, 4, 3], 65, "upsample_rates is 0"),
    ("rates-huge", "code2wav_config.upsample_rates", [64, 64, 64, 64], 78, "samples of a frame"),
    ("ratios-missing", "code2wav_config.upsampling_ratios", None, 65, "upsampling_ratios is missing"),
    ("decoder-dim", "code2wav_config.decoder_dim", 40, 78, "cannot halve"),
    ("sliding-zero", "code2wav_config.sliding_window", 0, 65, "sliding_window is 0"),
]

RAW_CONFIGS = [("config-empty", b"", "line 1"), ("config-array", b"[1]", "not a JSON object"),
               ("config-cut", b'{"model_type": "qwen3', "line 1"), ("config-deep", b'{"a":' * 50000, "line 1")]

SAMPLING_CASES = [("temperature-string", {"talker_temperature": "hot"}, "is not a number"),
                  ("top-p-high", {"talker_top_p": 1.5}, "talker_top_p is 1.5"),
                  ("top-k-negative", {"talker_top_k": -1}, "talker_top_k is -1"),
                  ("do-sample-number", {"talker_do_sample": 0}, "is not true or false")]


def changed(config, path, value):
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    node = config
    for key in parents:
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return json.dumps(config).encode()


def main(good_folder, out):
    def write(case, files, code, words):
        """The good directory with these files instead; weights are named only where nothing else gives any."""
        folder = out / case
        folder.mkdir(parents=True)
        if "config.json" not in files:
            shutil.copy(good_folder / "config.json", folder)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        print(case, code, words, sep="\t")

    good = Checkpoint(good_folder)
    config = json.loads((good_folder / "config.json").read_bytes())
    for case, content, words in header_cases(good):
        write(case, {"model.safetensors": content}, 65, words)
    for case, files, code, words in index_cases(good):
        write(case, files, code, words)
    for case, path, value, code, words in CONFIG_CASES:
        write(case, {"config.json": changed(config, path, value)}, code, words)
    for case, content, words in RAW_CONFIGS:
        write(case, {"config.json": content}, 65, words)
    for case, values, words in SAMPLING_CASES:
        write(case, {"generation_config.json": json.dumps(values).encode()}, 65, words)


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
