"""Settings by which a cluster waits too long for a silent host, or not long enough, are told."""

from tune_app.nodes.health import HealthCheck


def test_rays_defaults_are_told_with_the_recipes_settings():
    remark = HealthCheck(3.0, 10.0, 5).remark
    assert "after 65 s" in remark
    assert "RAY_health_check_period_ms=500" in remark


def test_the_recipes_settings_are_not():
    assert HealthCheck(0.5, 2.0, 3).remark == ""


def test_settings_that_give_a_busy_host_up_are_told():
    assert "taken for lost" in HealthCheck(0.1, 0.5, 2).remark
