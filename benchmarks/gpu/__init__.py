"""What one NVIDIA card does with this project, stage by stage: ``python -m benchmarks.gpu``.

Needs torch, torchvision, numpy, pandas, pyarrow and safetensors; no network, no Ray.
"""
