"""The Helm chart: what it renders is what Kubernetes takes, the gateway takes, and nobody is surprised by."""

import kubernetes_validate
import pytest
import yaml
from conftest import CHART, ROOT, Rendered, cargo, check_config, deadlines, helm, page_values

SETS = {
    "defaults": {},
    "plaintext": {"plaintextGrpc": True, "networkPolicy": {"enabled": False}},
    "edge": {"mode": "edge"},
    "edge on the host": {
        "mode": "edge",
        "edge": {"data": {"kind": "hostPath", "prepare": {"enabled": True}}},
        "input": {"tokenSecret": {"name": "input", "key": "word"}},
    },
    "everything": {
        "image": {"repository": "registry.example.com/falco-gateway", "digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "registry"}],
        "nameOverride": "gateway",
        "config": {
            "log": {"retention_age": "30d"},
            "delivery": {"max_streams": 2000000},
            "listen": [{"address": "unix:///run/falco-gateway/gateway.sock", "mode": "0660"}, "127.0.0.1:5060"],
        },
        "cluster": "prod",
        "tls": {"secretName": "gateway-tls"},
        "external": {"type": "LoadBalancer", "annotations": {"a": "b"}},
        "bindAddress": "[::]",
        "persistence": {"storageClassName": "fast", "annotations": {"a": "b"}},
        "networkPolicy": {"grpc": {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}, "egress": [{}]},
        "podDisruptionBudget": {"enabled": True},
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "serviceAccount": {"annotations": {"a": "b"}},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": {"nodeAffinity": {}},
        "tolerations": [{"operator": "Exists"}],
        "podLabels": {"team": "security"},
        "podAnnotations": {"a": "b"},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "hec", "secret": {"secretName": "hec"}}],
        "extraVolumeMounts": [{"name": "hec", "mountPath": "/run/secrets/hec", "readOnly": True}],
    },
    "docs: centre": page_values("centre.yaml"),
    "docs: edge": page_values("edge.yaml"),
}

# The oldest that Chart.yaml allows, and the newest that the validator knows.
KUBERNETES = ["1.27", "1.37"]


@pytest.fixture(scope="module", params=SETS, ids=lambda name: name.replace(" ", "-"))
def case(request):
    return SETS[request.param]


@pytest.fixture(scope="module")
def rendered(case):
    return Rendered(case)


def test_lints(case):
    code, out, errors = helm("lint", "--strict", values=case)
    assert code == 0, out + errors


@pytest.mark.parametrize("version", KUBERNETES)
def test_is_what_kubernetes_takes(rendered, version):
    for document in rendered.documents:
        if document["kind"] != "ServiceMonitor":
            assert kubernetes_validate.validate(document, version, strict=True) == version


def test_the_schemas_know_a_wrong_manifest():
    service = Rendered().one("Service")
    service["spec"]["internalTraficPolicy"] = "Local"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, KUBERNETES[-1], strict=True)


def test_config_is_what_the_gateway_takes(rendered, tmp_path):
    checked = check_config(rendered.config_text, tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_runs_with_no_rights(rendered):
    pod, container = rendered.pod, rendered.container
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))


def test_only_the_preparing_container_is_root(rendered):
    for container in rendered.pod.get("initContainers", []):
        assert container["name"] == "prepare"
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN", "FOWNER"]}
        assert context["allowPrivilegeEscalation"] is False and context["readOnlyRootFilesystem"] is True


def test_the_kubelet_reaches_the_probes(rendered):
    ports = {port["name"]: port["containerPort"] for port in rendered.container["ports"]}
    host, port = rendered.config["operations"]["listen"].rsplit(":", 1)
    assert host in ("0.0.0.0", "[::]")
    assert int(port) == ports["operations"]
    probes = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for probe, path in probes.items():
        assert rendered.container[probe]["httpGet"] == {"path": path, "port": "operations"}


def test_services_lead_to_ports_that_are_there(rendered):
    ports = {port["name"]: port["containerPort"] for port in rendered.container["ports"]}
    for service in rendered.all("Service"):
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
        labels = rendered.workload["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()


def test_what_is_mounted_is_a_volume_and_the_data_are_on_it(rendered):
    volumes = {volume["name"] for volume in rendered.pod["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in rendered.container["volumeMounts"]}
    assert set(mounts) == volumes
    assert mounts["data"] == rendered.config["data_dir"]
    for listen in rendered.config["listen"]:
        address = listen if isinstance(listen, str) else listen["address"]
        if address.startswith("unix://"):
            assert address.startswith(f"unix://{mounts['run']}/")
        elif not isinstance(listen, str):
            assert {path.rsplit("/", 1)[0] for path in listen["tls"].values()} == {mounts["tls"]}


def test_grpc_in_the_clear_is_asked_for_in_words(case, rendered):
    in_the_clear = [
        listen
        for listen in rendered.config["listen"]
        if isinstance(listen, str) and not listen.startswith(("unix://", "127.0.0.1:"))
    ]
    assert bool(in_the_clear) == case.get("plaintextGrpc", False)
    for listen in rendered.config["listen"]:
        if "tls" in listen:
            assert listen["tls"]["client_ca"], "clients must show a certificate"


def test_only_grpc_with_tls_leaves_the_cluster(case, rendered):
    for service in rendered.all("Service"):
        if service["spec"]["type"] != "ClusterIP":
            assert [port["name"] for port in service["spec"]["ports"]] == ["grpc"]
            assert case["tls"]["secretName"]


def test_no_rule_of_the_network_policy_lets_everybody_in(rendered):
    for policy in rendered.all("NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            assert rule["from"] and rule["ports"]


def test_an_empty_list_of_peers_is_nobody():
    nobody = {name: {"from": []} for name in ("http", "grpc", "operations")}
    rendered = Rendered({"networkPolicy": nobody, "plaintextGrpc": True})
    assert not rendered.one("NetworkPolicy")["spec"]["ingress"]


def test_going_down_has_the_time_that_it_may_take(rendered):
    assert rendered.pod["terminationGracePeriodSeconds"] > deadlines()
    code, _, errors = helm("template", "x", values={"terminationGracePeriodSeconds": deadlines()})
    assert code != 0 and "terminationGracePeriodSeconds" in errors


def test_a_centre_is_one_pod_with_a_volume_that_stays():
    rendered = Rendered()
    assert rendered.workload["kind"] == "StatefulSet"
    assert rendered.workload["spec"]["replicas"] == 1
    claim = rendered.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    data = {volume["name"]: volume for volume in rendered.pod["volumes"]}["data"]
    assert data["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    own = Rendered({"persistence": {"existingClaim": "mine"}})
    assert not own.all("PersistentVolumeClaim")


def test_an_edge_keeps_falcos_alerts_on_their_node():
    rendered = Rendered({"mode": "edge", "podDisruptionBudget": {"enabled": True}})
    assert rendered.workload["kind"] == "DaemonSet"
    assert rendered.one("Service")["spec"]["internalTrafficPolicy"] == "Local"
    assert {toleration["key"] for toleration in rendered.pod["tolerations"]} >= {
        "node-role.kubernetes.io/control-plane"
    }
    assert not rendered.all("PersistentVolumeClaim") and not rendered.all("PodDisruptionBudget")


@pytest.mark.parametrize("mode, size", [("centre", "persistence.size"), ("edge", "edge.data.sizeLimit")])
def test_retention_leaves_room_on_the_volume(mode, size):
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for key in size.split("."):
        values = values[key]
    retention = Rendered({"mode": mode}).config["log"]["retention_bytes"]
    # docs/guarantees.md: a quarter more for a while.
    assert int(retention.removesuffix("GiB")) * 1.25 < int(values.removesuffix("Gi"))


def test_what_the_user_says_of_the_configuration_holds():
    config = {"log": {"retention_age": "30d", "retention_bytes": "3GiB"}, "delivery": {"max_streams": 2000000}}
    rendered = Rendered({"config": {**config, "sources": [], "grpc_web": {"allowed_origins": ["http://a:1"]}}})
    assert rendered.config["log"] == config["log"]
    assert rendered.config["delivery"] == config["delivery"]
    assert rendered.config["sources"] == []


def test_another_configuration_is_another_pod():
    def checksum(values):
        return Rendered(values).workload["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    assert checksum({}) == checksum({"logLevel": "debug"})
    assert checksum({}) != checksum({"cluster": "prod"})


def test_prometheus_finds_the_metrics():
    rendered = Rendered(SETS["everything"])
    monitor = rendered.one("ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["path"] == "/metrics"
    found = [
        service
        for service in rendered.all("Service")
        if monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        and endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    ]
    assert len(found) == 1
    assert not Rendered().all("ServiceMonitor")


REFUSED = [
    ({"mode": "middle"}, "'centre', 'edge'"),
    ({"tsl": {"secretName": "a"}}, "'tsl' not allowed"),
    ({"config": {"data_dir": "/elsewhere"}}, "/config/data_dir"),
    ({"config": {"operations": {"listen": ""}}}, "/config/operations/listen"),
    ({"config": {"allow_plaintext_off_loopback": False}}, "must be true in a pod"),
    ({"tls": {"secretName": "a"}, "plaintextGrpc": True}, "exclude each other"),
    ({"external": {"type": "LoadBalancer"}}, "needs tls.secretName"),
    ({"external": {"type": "LoadBalancer"}, "tls": {"secretName": "a"}, "mode": "edge"}, "for a centre"),
]


@pytest.mark.parametrize("values, why", REFUSED)
def test_what_cannot_be_meant_is_refused(values, why):
    code, _, errors = helm("template", "x", values=values)
    assert code != 0
    assert why in errors


NOTES = [
    ({}, "on the pod's loopback only"),
    ({"plaintextGrpc": True}, "IN THE CLEAR"),
    ({"tls": {"secretName": "a"}}, "https://falco-gateway.falco:5060"),
    ({"mode": "edge"}, "No bridge is configured"),
    ({"mode": "edge"}, "is lost. See edge.data"),
    ({"networkPolicy": {"enabled": False}}, "every pod of the cluster can post"),
]


@pytest.mark.parametrize("values, told", NOTES)
def test_the_notes_say_what_is_open(chart_copy, values, told):
    arguments = ("template", "falco-gateway", "--namespace", "falco", "--show-only", "templates/notes.yaml", "--debug")
    # It is text and no manifest, so that Helm shows it and then complains.
    _, out, errors = helm(*arguments, values=values, chart=chart_copy)
    assert told in out, errors


def test_the_version_is_the_gateways():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == cargo("version")


def test_falcos_values_lead_to_the_gateway():
    values = yaml.safe_load((ROOT / "deploy/helm/falco-values.yaml").read_text())
    falco = values["falco"]
    assert falco["json_output"] is True and falco["http_output"]["enabled"] is True
    service = Rendered({"mode": "edge"}).one("Service")
    port = {port["name"]: port["port"] for port in service["spec"]["ports"]}["http"]
    assert falco["http_output"]["url"] == f"http://{service['metadata']['name']}:{port}/"
