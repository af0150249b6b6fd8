"""A network as integers: its table of layers, which are replaced, with what ranks in what budget.

Standard library only, so that the plan and the report read it without torch.
`network_size.size_network` adds up the layers, each by its family in `trainables.sizes`.
"""
