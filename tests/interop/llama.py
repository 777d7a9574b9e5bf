"""llama.py FOLDER: GGUF files between omni and llama.cpp, both ways, at a small config.

    python -m venv v; v/bin/pip install numpy gguf xllamacpp      # prebuilt; llama-cpp-python does as well
    make all test-programs; v/bin/python tests/interop/llama.py /tmp/interop

1. A small thinker with random weights goes through omni-quantize, in several types. PyPI's gguf reads the
   files and gets the checkpoint's numbers (of bf16 exactly, of the others within their error).
2. llama.cpp loads each; both continue the same prompt greedily for 32 tokens.
3. llama.cpp's quantiser (ggml_quantize_chunk, with gguf's writer) makes files of each type; omni loads them
   and continues as llama.cpp does.

4. Normal random numbers and a matrix of rows of unequal size go through both quantisers: the mean squared error
   of ours is no larger.

For 2 and 3: how many of the 32 tokens are equal before the first that is not, and the relative difference of the
first token's logits. Exit 1 if a file does not load, a number is off, or with f32 or q8_0 a token differs or
the logits by more than 2 %. More arguments go to omni-thinker (--precise)."""

import ctypes
import io
import json
import os
import pathlib
import subprocess
import sys

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).parent.parent.parent
BUILD = pathlib.Path(os.environ.get("OMNI_BUILD", ROOT / "build"))
PROMPT = "Hello, how are you? Tell me a story of 12 words."
TOKENS = 32
EXTRA = sys.argv[2:]
SIZES = {"hidden_size": 256, "moe_intermediate_size": 256, "intermediate_size": 256, "head_dim": 64,
         "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 8}
TYPES = ["bf16", "f16", "q8_0", "q6_k", "q5_k", "q4_k", "q4_k_m", "q4_0"]


def tool(*args, **more):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, **more).stdout


# ---- llama.cpp through its C interface ----------------------------------------------------------

class Params(ctypes.Structure):
    """llama_model_params and llama_context_params by value: larger than either, filled in by llama.cpp."""
    _fields_ = [("bytes", ctypes.c_char * 512)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)), ("embd", ctypes.c_void_p),
                ("pos", ctypes.c_void_p), ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p),
                ("logits", ctypes.c_void_p)]


def library():
    try:
        import xllamacpp.xllamacpp as module
        path = module.__file__
    except ImportError:
        import llama_cpp
        path = next(pathlib.Path(llama_cpp.__file__).parent.glob("lib/libllama.so*"))
    lib = ctypes.CDLL(str(path))
    for name in ("llama_model_default_params", "llama_context_default_params"):
        getattr(lib, name).restype = Params
    for name in ("llama_model_load_from_file", "llama_init_from_model", "llama_model_get_vocab"):
        getattr(lib, name).restype = ctypes.c_void_p
    lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
    lib.llama_init_from_model.argtypes = [ctypes.c_void_p, Params]
    lib.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
    lib.llama_vocab_n_tokens.argtypes = [ctypes.c_void_p]
    lib.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_int32),
                                   ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]
    lib.llama_batch_get_one.argtypes = [ctypes.POINTER(ctypes.c_int32), ctypes.c_int32]
    lib.llama_batch_get_one.restype = Batch
    lib.llama_decode.argtypes = [ctypes.c_void_p, Batch]
    lib.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    lib.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
    lib.llama_free.argtypes = lib.llama_model_free.argtypes = [ctypes.c_void_p]
    lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                        ctypes.c_int64, ctypes.c_void_p]
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    lib.quiet = quiet  # must outlive its use
    lib.llama_log_set(quiet, None)
    lib.llama_backend_init()
    return lib


def llama_tokens(lib, path, text):
    """(ids of the prompt, ids drawn greedily, logits of the first)"""
    model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
    if not model:
        raise SystemExit(f"llama.cpp does not load {path}")
    context = lib.llama_init_from_model(model, lib.llama_context_default_params())
    vocab = lib.llama_model_get_vocab(model)
    n_vocab = lib.llama_vocab_n_tokens(vocab)
    room = (ctypes.c_int32 * 4096)()
    n = lib.llama_tokenize(vocab, text.encode(), len(text.encode()), room, 4096, False, True)
    prompt, drawn, first = list(room[:n]), [], None
    while len(drawn) < TOKENS:
        if lib.llama_decode(context, lib.llama_batch_get_one(room, n)) != 0:
            raise SystemExit(f"llama.cpp does not run {path}")
        logits = np.ctypeslib.as_array(lib.llama_get_logits_ith(context, -1), (n_vocab,))
        first = logits.copy() if not drawn else first
        drawn.append(int(np.argmax(logits)))
        room[0], n = drawn[-1], 1
    lib.llama_free(context)
    lib.llama_model_free(model)
    return prompt, drawn, first


def loads_audio(lib, model_path, path):
    """True if llama.cpp's mtmd takes the file as an audio encoder of the thinker; None: built without mtmd."""
    if not hasattr(lib, "mtmd_init_from_file"):
        return None
    lib.mtmd_context_params_default.restype = Params
    lib.mtmd_init_from_file.argtypes = [ctypes.c_char_p, ctypes.c_void_p, Params]
    lib.mtmd_init_from_file.restype = lib.mtmd_get_audio_sample_rate.restype = ctypes.c_void_p
    lib.mtmd_get_audio_sample_rate.argtypes = lib.mtmd_free.argtypes = [ctypes.c_void_p]
    model = lib.llama_model_load_from_file(str(model_path).encode(), lib.llama_model_default_params())
    context = lib.mtmd_init_from_file(str(path).encode(), model, lib.mtmd_context_params_default())
    rate = context and lib.mtmd_get_audio_sample_rate(context)
    if context:
        lib.mtmd_free(context)
    lib.llama_model_free(model)
    return rate == 16000


def quantise(lib, source, target, kind):
    """A copy of the file whose matrices llama.cpp's quantiser has made."""
    reader = gguf.GGUFReader(source)
    number = gguf.GGMLQuantizationType[kind.upper()]
    writer = gguf.GGUFWriter(target, "qwen3vlmoe")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "omni.config"):
            continue
        kinds = field.types
        sub = kinds[1] if len(kinds) > 1 else None
        writer.add_key_value(field.name, field.contents(), kinds[0], sub)
    for t in reader.tensors:
        data = np.array(t.data, dtype=np.float32)
        block, size = gguf.GGML_QUANT_SIZES[number]
        if data.ndim < 2 or "ffn_gate_inp" in t.name or data.shape[-1] % block:
            writer.add_tensor(t.name, data)
            continue
        rows, columns = data.size // data.shape[-1], data.shape[-1]
        out = np.zeros((*data.shape[:-1], columns // block * size), dtype=np.uint8)
        lib.ggml_quantize_chunk(number, data.ctypes.data, out.ctypes.data, 0, rows, columns, None)
        writer.add_tensor(t.name, out, raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def errors(lib, kind, x):
    """Mean squared errors of what omni's quantiser and llama.cpp's make of x, rows of 1024."""
    number = gguf.GGMLQuantizationType[kind.upper()]
    block, size = gguf.GGML_QUANT_SIZES[number]
    theirs = np.zeros((len(x), x.shape[1] // block * size), dtype=np.uint8)
    lib.ggml_quantize_chunk(number, x.ctypes.data, theirs.ctypes.data, 0, *x.shape, None)
    ours = np.frombuffer(tool(BUILD / "tests/weights/quant", "narrow", gguf_name(kind), input=x.tobytes()), np.uint8)
    return [float(((gguf.quants.dequantize(b, number) - x).astype(np.float64) ** 2).mean())
            for b in (ours.reshape(theirs.shape), theirs)]


def gguf_name(kind):
    return kind.replace("_k", "_K")


def compare_errors(lib):
    random, bad = np.random.default_rng(2), False
    normal = random.standard_normal((256, 1024), dtype=np.float32)
    uneven = normal * np.exp(random.normal(0, 1, (1, 1024))).astype(np.float32) * .02
    for kind in ("q8_0", "q6_k", "q5_k", "q4_k", "q4_0"):
        for name, x in ("normal", normal), ("uneven", uneven):
            ours, theirs = errors(lib, kind, x)
            bad |= ours > theirs
            print(f"error of {kind:5} {name} numbers: omni {ours:.4e}, llama.cpp {theirs:.4e}")
    return bad


# ---- omni ---------------------------------------------------------------------------------------

def write_weights(folder):
    """Random: embeddings N(0, 1), matrices N(0, 0.5 / sqrt(columns)), norms near 1. The output matrix leans to
    a permutation of the embeddings, so that the most likely token is so by far, as in a trained model; of
    purely random logits the first two are within what q8_0 changes once in thirty tokens."""
    random = np.random.default_rng(1)
    header, data, at, embeddings = {}, [], 0, None
    for line in tool(BUILD / "tests/weights/expect", "-l", folder / "config.json", text=True).splitlines():
        component, name, *shape = line.split()
        if component != "thinker":
            continue
        shape = [int(n) for n in shape]
        values = random.standard_normal(shape, dtype=np.float32)
        if len(shape) == 1:
            values = 1 + values / 20
        elif "embed_tokens" in name:
            embeddings = values
        elif "lm_head" in name:
            values = (values + .4 * random.permutation(embeddings)) * shape[-1] ** -.5
        else:
            values *= .5 * shape[-1] ** -.5
        words = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + len(words)]}
        data.append(words)
        at += len(words)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))


def make_checkpoint(folder):
    tiny = ROOT / "tests/golden/tiny"
    config = json.loads((tiny / "config.json").read_text())
    thinker = config["thinker_config"]
    thinker["text_config"] |= SIZES
    thinker["text_config"]["rope_parameters"]["mrope_section"] = [12, 10, 10]
    thinker["audio_config"]["output_dim"] = thinker["vision_config"]["out_hidden_size"] = SIZES["hidden_size"]
    config["talker_config"]["thinker_hidden_size"] = SIZES["hidden_size"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_weights(folder)
    for name in "vocab.json", "merges.txt", "tokenizer_config.json":
        (folder / name).write_bytes((tiny / name).read_bytes())


def omni_tokens(model, text):
    stream = tool(BUILD / "omni-tokenize", "-m", model, "-r", text)
    args = [BUILD / "omni-thinker", "-d", "cpu", "-m", model, "-n", str(TOKENS), "--trace", "thinker.logits"]
    out = tool(*args, *EXTRA, input=stream)
    logits = np.load(io.BytesIO(tool(BUILD / "omni-inspect", "-x", "thinker.logits", input=out)))[0]
    frames = [json.loads(line) for line in tool(BUILD / "omni-inspect", input=out).splitlines()]
    values = {name: [v for f in frames if f.get("name") == name for v in f["values"]] for name in ("prompt", "tokens")}
    assert len(values["tokens"]) == TOKENS or frames[-2].get("reason") == "stop", frames[-2]
    return values["prompt"], values["tokens"], logits


def checkpoint_values(folder):
    raw = np.memmap(folder / "model.safetensors", dtype=np.uint8)
    length = int(raw[:8].view(np.uint64)[0])
    header = json.loads(bytes(raw[8:8 + length]))
    for name, t in header.items():
        begin, end = t["data_offsets"]
        words = raw[8 + length + begin:8 + length + end].view(np.uint16).astype(np.uint32) << 16
        yield name, words.view(np.float32).reshape(t["shape"])


def check_numbers(folder, path, exact):
    """gguf's own reader on a file of ours: the head, the output matrix and an expert of it."""
    reader = gguf.GGUFReader(path)
    there = {t.name: t for t in reader.tensors}
    here = dict(checkpoint_values(folder))

    def numbers(name):
        return gguf.quants.dequantize(there[name].data, there[name].tensor_type)

    worst = 0
    pairs = [("output.weight", None, "thinker.lm_head.weight"), ("output_norm.weight", None, "thinker.model.norm.weight"),
             ("blk.3.ffn_down_exps.weight", 5, "thinker.model.layers.3.mlp.experts.5.down_proj.weight")]
    for name, expert, checkpoint in pairs:
        got = numbers(name) if expert is None else numbers(name)[expert]
        want = here[checkpoint]
        worst = max(worst, float(np.linalg.norm(got - want) / np.linalg.norm(want)))
    if worst > (0 if exact else .2):
        raise SystemExit(f"{path}: numbers differ by {worst}")
    return worst


def distance(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def same(a, b):
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def main():
    folder = pathlib.Path(sys.argv[1])
    make_checkpoint(folder / "checkpoint")
    lib = library()
    bad = compare_errors(lib)
    for kind in ["f32", *TYPES]:
        out = folder / kind
        tool(BUILD / "omni-quantize", "--thinker", kind, folder / "checkpoint", out)
        error = check_numbers(folder / "checkpoint", out / "thinker.gguf", kind in ("f32", "bf16"))
        prompt, theirs, their_logits = llama_tokens(lib, out / "thinker.gguf", PROMPT)
        our_prompt, ours, logits = omni_tokens(out, PROMPT)
        assert prompt == our_prompt, (prompt, our_prompt)
        n = same(ours, theirs)
        bad |= kind in ("f32", "q8_0") and (n < TOKENS or distance(logits, their_logits) > .02)
        print(f"omni-quantize {kind:7} error of the weights {error:.4f}, {n} of {TOKENS} tokens as llama.cpp's, "
              f"logits differ by {distance(logits, their_logits):.4f}")
    for kind in [k for k in TYPES if k not in ("q4_k_m", "bf16", "f16")]:
        path = folder / f"llama-{kind}.gguf"
        quantise(lib, folder / "f32/thinker.gguf", path, kind)
        _, theirs, their_logits = llama_tokens(lib, path, PROMPT)
        _, ours, logits = omni_tokens(path, PROMPT)
        n = same(ours, theirs)
        bad |= kind in ("f32", "q8_0") and (n < TOKENS or distance(logits, their_logits) > .02)
        print(f"llama.cpp     {kind:7} {n} of {TOKENS} tokens as llama.cpp's, "
              f"logits differ by {distance(logits, their_logits):.4f}")
    tool(BUILD / "omni-quantize", "--thinker", "bf16", ROOT / "tests/golden/tiny", folder / "tiny")
    loaded = loads_audio(lib, folder / "tiny/thinker.gguf", folder / "tiny/mmproj.gguf")
    print("omni-quantize mmproj.gguf:", {True: "llama.cpp loads it", False: "NOT loaded", None: "no mtmd to ask"}[loaded])
    sys.exit(bad or loaded is False)


if __name__ == "__main__":
    main()
