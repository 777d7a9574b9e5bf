"""The golden cases: for each an input stream, the expected output stream and the command between
them.

A case is a line of `cases`: name, model, tool, tolerance, arguments. The input is NAME.in (absent:
no input), what must come out is in NAME.out: every tensor, text and done that it holds; a stage
may send more.
"""

from cases_speech import code2wav_cases, codepred_case, pipe_cases, talker_cases
from cases_text import audio_cases, thinker_cases, tokenize_cases


def run(bench):
    tokenize_cases(bench)
    audio_cases(bench)
    thinker_cases(bench)
    talker_cases(bench)
    codepred_case(bench)
    code2wav_cases(bench)
    pipe_cases(bench)
