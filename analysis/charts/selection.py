"""The reader's selection, highlighted in every chart that shows trials.

The report's page sets these in all charts at once; "" picks nothing.
"""

from __future__ import annotations

import altair as alt

SELECTION = alt.param(name="picked", value="")
"""Holds a trial id."""

PICKED_CONFIGURATION = alt.param(name="picked_configuration", value="")
"""Holds the id of a configuration: that of the picked trial."""

IS_SELECTED = "datum.trial_id === picked"
IS_PICKED_CONFIGURATION = "datum.configuration === picked_configuration"
