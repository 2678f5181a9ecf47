# schema_check.py - schema_check.py SCHEMA FILE...: what a JSON Schema says of YAML files, a line each:
# `good FILE`, `bad FILE: where: why`, or `unreadable FILE`. The schema itself is checked first.
# Scalars are YAML 1.2's, as Graft's and editors' are; PyYAML's own are 1.1's.
import json
import re
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}


for tag, pattern, first in [
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
]:
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile("^(?:" + pattern + ")$"), first)
Loader.add_constructor("tag:yaml.org,2002:bool", lambda loader, node: node.value == "true")
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def verdict(validator, path):
    try:
        with open(path, encoding="utf-8-sig") as file:
            tree = yaml.load(file, Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return "unreadable " + path
    for error in validator.iter_errors(tree):
        place = ".".join(str(step) for step in error.absolute_path)
        return f"bad {path}: {place or 'top'}: {error.message[:100]}"
    return "good " + path


with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
for path in sys.argv[2:]:
    print(verdict(jsonschema.Draft7Validator(schema), path))
