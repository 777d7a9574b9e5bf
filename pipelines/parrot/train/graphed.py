"""A loss and its gradients as one CUDA graph for each shape of the batch: with layers as small as parrot's,
starting thousands of kernels from Python takes several times as long as running them.

The loss must be made of tensor operations of fixed shapes, without asking the GPU for a value.
"""

import torch


def captured(function, pool=None):
    """function() as a CUDA graph, and what it gives then; first it runs twice, for libraries to make their plans."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Only this thread is watched: others pin memory and look after NCCL meanwhile.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        output = function()
    return graph, output


class Graphed:
    """function(**tensors) gives named losses, "total" among them; calling this gives the same, and adds its
    gradients to the parameters'. On a CPU, or with `plain`, everything runs as written."""

    def __init__(self, function, parameters, device, plain=False):
        self.function, self.parameters, self.device = function, list(parameters), device
        self.plain = plain or device != "cuda"
        self.graphs, self.pool = {}, None

    def _run(self, inputs):
        losses = self.function(**inputs)
        losses["total"].backward()
        return {name: loss.detach() for name, loss in losses.items()}

    def renew(self):
        """The function computes something else from now on."""
        self.graphs, self.pool = {}, None
        if not self.plain:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()

    def _capture(self, batch):
        kept = [p.grad.clone() for p in self.parameters]
        inputs = {name: tensor.to(self.device) for name, tensor in batch.items()}
        self.pool = self.pool or torch.cuda.graph_pool_handle()
        graph, losses = captured(lambda: self._run(inputs), self.pool)
        torch._foreach_copy_([p.grad for p in self.parameters], kept)
        return graph, inputs, losses

    def __call__(self, batch):
        if self.plain:
            return self._run({name: tensor.to(self.device) for name, tensor in batch.items()})
        shape = tuple((name, tuple(tensor.shape)) for name, tensor in sorted(batch.items()))
        if shape not in self.graphs:
            self.graphs[shape] = self._capture(batch)
        graph, inputs, losses = self.graphs[shape]
        for name, tensor in batch.items():
            inputs[name].copy_(tensor, non_blocking=True)
        graph.replay()
        return losses
