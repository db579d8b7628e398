"""What Airflow loads at its start, in every one of its processes: so it imports nothing but the links."""

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from slmworks.engines.airflow.report_page import PREFIX
from slmworks_airflow.links import MLflowLink, ReportLink


class SlmworksPlugin(AirflowPlugin):  # type: ignore[misc]
    """Links from each task to its MLflow run and to its report, and the pages that they lead to."""

    name = "slmworks"
    operator_extra_links: ClassVar[list[Any]] = [MLflowLink(), ReportLink()]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Only the API server asks for it."""
        from slmworks_airflow.app import pages

        return [{"name": "slmworks", "url_prefix": PREFIX, "app": pages()}]
