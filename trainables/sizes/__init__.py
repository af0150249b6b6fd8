"""Integer arithmetic of the layer families: shapes, ranks, parameters, multiply-adds.

Standard library only, so that the plan and the report read it without torch. Each family has a
file; `registry.SIZES` lists them.
"""
