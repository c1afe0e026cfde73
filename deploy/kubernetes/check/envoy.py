"""Whether Envoy itself takes what Envoy Gateway makes of the way in: `envoy --mode validate`.

egctl prints what it would tell Envoy over xDS. It is put into one file, in which only endpoints and secrets are still
asked of somebody else.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Told = dict[str, Any]

_HTTP2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_NOBODY = {"address": {"socketAddress": {"address": "127.0.0.1", "portValue": 1}}}
_ASKED: Told = {
    "name": "xds",
    "type": "STATIC",
    "loadAssignment": {"clusterName": "xds", "endpoints": [{"lbEndpoints": [{"endpoint": _NOBODY}]}]},
    "typedExtensionProtocolOptions": {
        _HTTP2: {"@type": f"type.googleapis.com/{_HTTP2}", "explicitHttpConfig": {"http2ProtocolOptions": {}}}
    },
}
_ADS = {"apiType": "GRPC", "transportApiVersion": "V3", "grpcServices": [{"envoyGrpc": {"clusterName": "xds"}}]}


def refused(program: Path, work: Path, dumps: list[Told]) -> list[str]:
    """What Envoy says of the dumps of one gateway that it does not take, in one line; nothing where it takes them."""
    file = work / "envoy.json"
    file.write_text(json.dumps(configuration(dumps), indent=1))
    done = subprocess.run(
        [program, "--mode", "validate", "-c", str(file), "-l", "error"], capture_output=True, text=True
    )
    return [] if done.returncode == 0 else [f"envoy: {(done.stderr or done.stdout).strip()}"]


def configuration(dumps: list[Told]) -> Told:
    """One configuration of egctl's dumps. Raises KeyError where a listener names a route that is not there."""
    by_kind = {each["@type"].rpartition(".")[2]: each for each in dumps}
    listeners = [each["activeState"]["listener"] for each in by_kind["ListenersConfigDump"]["dynamicListeners"]]
    clusters = [each["cluster"] for each in by_kind["ClustersConfigDump"]["dynamicActiveClusters"]]
    routes = {
        each["routeConfig"]["name"]: _bare(each["routeConfig"])
        for each in by_kind["RoutesConfigDump"]["dynamicRouteConfigs"]
    }
    for manager in (one for listener in listeners for one in _with_routes(listener)):
        manager["routeConfig"] = routes[manager.pop("rds")["routeConfigName"]]
    resources = {"clusters": [_ASKED, *map(_bare, clusters)], "listeners": [*map(_bare, listeners)]}
    node = {"id": "checked", "cluster": "checked"}
    return {"node": node, "dynamicResources": {"adsConfig": _ADS}, "staticResources": resources}


def _bare(resource: Told) -> Told:
    return {name: value for name, value in resource.items() if name != "@type"}


def _with_routes(part: Any) -> Iterator[Told]:
    if isinstance(part, dict):
        if "rds" in part:
            yield part
        part = [*part.values()]
    for each in part if isinstance(part, list) else ():
        yield from _with_routes(each)
