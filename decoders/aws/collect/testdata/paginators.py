"""Says, as JSON, how botocore pages the operations that are named as arguments.

    paginators.py SERVICE:Operation ...
"""
import json
import sys

import botocore.session

loader = botocore.session.get_session().get_component("data_loader")
many = lambda v: v if isinstance(v, list) else [v] if v else []
out = {}
for name in sys.argv[1:]:
    service, operation = name.split(":")
    try:
        pages = loader.load_service_model(service, "paginators-1")["pagination"]
    except Exception:  # a service without any
        pages = {}
    p = pages.get(operation)
    out[name] = p and {"in": many(p["input_token"]), "out": many(p["output_token"]), "more": p.get("more_results", ""), "limit": p.get("limit_key", ""), "result": many(p.get("result_key"))}
print(json.dumps(out))
