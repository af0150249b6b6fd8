"""Integer arithmetic of the layer families: shapes, ranks, parameters, multiply-adds.

Standard library only, so that the plan and the report read it without torch. One family a file;
`registry.SIZES` names them, `network.size_network` adds them up for a whole ResNet-9.
"""
