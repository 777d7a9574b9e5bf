"""Weights averaged over the last steps: what is exported."""

import copy

import torch


class Average:
    def __init__(self, model, decay=0.999):
        self.model, self.decay = copy.deepcopy(model).requires_grad_(False), decay

    @torch.no_grad()
    def update(self, model, step):
        decay = min(self.decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)

    def state_dict(self):
        return self.model.state_dict()

    def load_state_dict(self, state):
        self.model.load_state_dict(state)
