"""What one NVIDIA card does with this project, stage by stage: ``python -m benchmarks.gpu``.

Needs torch, torchvision, numpy, pandas, pyarrow, safetensors and scikit-learn; no network, no Ray.
"""
