"""The reader's selection, highlighted in every chart that shows trials.

The report's page sets these in all charts at once; "" selects nothing.
"""

from __future__ import annotations

import altair as alt

SELECTION = alt.param(name="picked", value="")
"""The id of the selected trial."""

PICKED_CONFIGURATION = alt.param(name="picked_configuration", value="")
"""The id of the selected trial's configuration."""

IS_SELECTED = "datum.trial_id === picked"
IS_PICKED_CONFIGURATION = "datum.configuration === picked_configuration"
