"""The distribution as Airflow finds it, beside the stock provider."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException
from tandem_flyte.get_provider_info import get_provider_info
from tandem_flyte.operators.flyte import FlyteOperator
from tandem_flyte.sensors.flyte import FlyteSensor


@pytest.mark.slow
def test_airflow_has_both_providers_and_one_connection_type_without_a_complaint():
    command = [str(Path(sys.executable).parent / "airflow"), "providers", "hooks"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)

    assert {"airflow-provider-flyte", "airflow-provider-tandem-flyte"} <= set(ProvidersManager().providers)
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("flyte ")] == ["flyte"]
    assert "already" not in done.stdout + done.stderr


def test_alone_it_registers_the_connection_type_itself(monkeypatch):
    monkeypatch.setattr("tandem_flyte.get_provider_info.STOCK_PACKAGE", "not-installed")

    (kind,) = get_provider_info()["connection-types"]

    assert kind["connection-type"] == "flyte"


def test_a_dag_file_s_import_stays_clear_of_flytekit_and_grpc():
    code = (
        "import airflow, sys, time; start = time.monotonic(); "
        "from tandem_flyte.operators.flyte import FlyteOperator; "
        "from tandem_flyte.sensors.flyte import FlyteSensor; "
        "FlyteOperator(task_id='t', flyte_conn_id='c', launchplan_name='p', secrets=[{'key': 'k'}]); "
        "print([name for name in ('flytekit', 'flyteidl', 'grpc', 'google.protobuf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_stock_operator_s_arguments_are_taken_in_the_same_places():
    from flyte_provider.operators.flyte import FlyteOperator as StockOperator

    stock = [name for name in inspect.signature(StockOperator.__init__).parameters if name not in ("self", "kwargs")]
    ours = [name for name in inspect.signature(FlyteOperator.__init__).parameters if name != "self"]

    assert ours[: len(stock)] == stock


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "Either task_name or launchplan_name is required"),
        ({"launchplan_name": "p", "task_name": "t"}, "not both"),
        ({"launchplan_name": "p", "secrets": [{"kye": "k"}]}, r"unknown keys \['kye'\]"),
        ({"launchplan_name": "p", "secrets": "k"}, "secrets must be a list of dicts"),
        ({"launchplan_name": "p", "oauth2_client": {"client_id": "c"}}, "oauth2_client must be a dict"),
        ({"launchplan_name": "p", "notifications": [{"email": {}}]}, "names no phases.*email must be a dict"),
    ],
)
def test_arguments_that_cannot_be_right_are_refused_when_the_dag_is_read(arguments, sentence):
    with pytest.raises(AirflowException, match=sentence):
        FlyteOperator(task_id="t", flyte_conn_id="c", **arguments)


def test_an_operator_s_output_names_its_execution_to_a_sensor():
    with DAG("d", schedule=None):
        plain = FlyteOperator(task_id="plain", flyte_conn_id="c", launchplan_name="p")
        mapped = FlyteOperator.partial(task_id="mapped", flyte_conn_id="c", launchplan_name="p").expand(inputs=[{}, {}])
        sensors = [FlyteSensor(task_id=f"s{n}", execution_name=op.output) for n, op in enumerate((plain, mapped))]
        other = FlyteSensor(task_id="other", execution_name=plain.output["o0"])

    assert [sensor.execution_name.key for sensor in sensors] == ["flyte_execution_name"] * 2
    assert [sensor.upstream_task_ids for sensor in sensors] == [{"plain"}, {"mapped"}]
    assert other.execution_name.key == "o0"
