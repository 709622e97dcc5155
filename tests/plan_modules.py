"""Plans for the generator of verbs, and what reads the modules that it writes."""

import ast
from pathlib import Path
from types import ModuleType

from data_plans import attributes_of, event_point, plan_of, point_of, user_point

from mpfluent.dataplan import DataPlan

SHOP = DataPlan.from_file(Path(__file__).parents[1] / "examples" / "shop_plan.json")


def screen_point(name, attributes=None):
    """Return the point of a screen."""
    point = event_point(name, attributes)
    return point_of(
        {"type": "screen_view", "criteria": {"screen_name": name}},
        point["validator"]["definition"],
    )


def commerce_point(kind, action, data):
    """Return the point of a commerce event, whose data has these properties."""
    criteria = {"action": action} if action else {}
    definition = {"properties": {"data": {"type": "object", "properties": data}}}
    return point_of({"type": kind, "criteria": criteria}, definition)


def products_of(schema):
    """Return the schema of products that are like this."""
    return {"type": "array", "items": {"type": "object", **schema}}


_DECK = {"enum": ["upper", "lower"], "description": "Where the car stands."}
_BANNER = {
    "creative": {"type": "string", "description": "Which picture."},
    "position": {"type": "string", "enum": ["top", "side"]},
}
_NAMED = {"required": ["name", "creative"]}
FERRY = plan_of(
    event_point(
        "Searched crossings",
        attributes_of(
            {
                "From": {"type": "string", "description": "Port of departure."},
                "to": {"type": "string"},
                "Passengers": {"type": "number", "minimum": 1, "maximum": 20},
                "With car": {"type": ["boolean", "null"]},
                "class": {"type": "string", "enum": ["1", "2", "null"]},
                "at": {"type": "string", "format": "date-time"},
                "type": {"type": "string", "pattern": "^[A-Z]{2}$"},
                "3rd": {"type": "integer", "exclusiveMinimum": 0},
                "seats": {"type": "number", "enum": ["1", "2", "4"]},
                "share": {"enum": [0.25, 0.5]},
                "insured": {"type": "boolean", "enum": ["true"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            *("From", "to", "Passengers"),
        ),
        "search",
    ),
    event_point("Searched", attributes_of({"query": {"type": "string"}}, "query"), "search"),
    event_point("Searched", attributes_of({}), "navigation"),
    event_point("Purchase", attributes_of({"sku": {}}, "sku")),
    event_point("2 for 1"),
    event_point("yield", {"type": "object", "properties": {"share": {"type": "number"}}}),
    screen_point("Quay", attributes_of({"weather": {"type": "string"}})),
    commerce_point(
        "product_action",
        "add_to_cart",
        {
            "product_action": {
                "type": "object",
                "properties": {
                    "total_amount": {"type": "number", "minimum": 0},
                    "products": products_of(
                        {
                            "required": ["name", "custom_attributes"],
                            "properties": {
                                "custom_attributes": attributes_of(
                                    {
                                        "deck": _DECK,
                                        "insured": {"type": "boolean"},
                                        "length": {"type": "number"},
                                    },
                                    "deck",
                                )
                            },
                        }
                    ),
                },
                "required": ["total_amount", "products"],
            },
            "custom_attributes": attributes_of({"campaign": {"type": "string"}}, "campaign"),
        },
    ),
    commerce_point(
        "promotion_action",
        "click",
        {
            "promotion_action": {
                "type": "object",
                "properties": {"promotions": products_of({"properties": _BANNER, **_NAMED})},
            },
            "custom_attributes": attributes_of({"place": {"type": "string"}}, "place"),
        },
    ),
    commerce_point(
        "product_impression",
        None,
        {
            "product_impressions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "products": products_of(
                            {"properties": {"custom_attributes": attributes_of({"deck": _DECK})}}
                        )
                    },
                },
            },
            "custom_attributes": attributes_of({"page": {"type": "integer"}}, "page"),
        },
    ),
    user_point(
        {
            "Tier": {"type": "string", "enum": ["gold", "blue"]},
            "$age": {"type": "integer", "minimum": 0},
            "Ports": {"type": "array", "items": {"type": "string"}},
            "self": {},
        },
        required=["Tier"],
    ),
    data_plan_id="ferry",
    version=3,
    version_description="Crossings, and who takes them",
)
HOSTILE_TEXTS = (
    *('"""', "'''", '"', "\\", "a\\", '""""""\nimport os\n"""', "{}", "{self}", "%s", "\n", "\t"),
    *(">>> exit()", "搜索 商品", "été", "Ünï", "ﬁn", "٣", "½", "def", "None", "self", "__init__"),
    *(
        "\u202e abc",
        "\x00",
        "a" * 200,
        "#",
        "x)\n    def y(self): pass",
        "\ud800",
        "🫖",
        "'; x = '",
    ),
)
HOSTILE = plan_of(
    *(
        {
            **event_point(
                text,
                attributes_of(
                    {
                        text: {"type": "string", "description": text, "pattern": "\"*'*\\\\*"},
                        f"{text} of": {"enum": [text, "b"], "description": text[::-1]},
                    },
                    text,
                ),
            ),
            "description": text,
        }
        for text in HOSTILE_TEXTS
    ),
    user_point({text: {"enum": [text]} for text in HOSTILE_TEXTS if text != "\ud800"}),
    data_plan_id='"); import os #',
    version_description='"""\nimport os',
)
OLD = plan_of(  # as plans were in 2019
    event_point(
        "Played",
        attributes_of(
            {
                "seconds": {"type": "string", "pattern": "^-?\\d+(\\.\\d+)?([eE][+\\-]?\\d+)?$"},
                "muted": {
                    "type": "string",
                    "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$",
                },
                "on": {"type": "string", "format": "date-time"},
            },
            "seconds",
        ),
        "media",
    ),
)


def large(count=1_000):
    """Return a plan of so many points, a few of them with names alike."""
    kinds = ("search", "other", "navigation")
    schema = attributes_of(
        {
            "From": {"type": "string", "description": "Port of departure."},
            "Passengers": {"type": "number", "minimum": 1, "maximum": 20},
            "deck": {"type": "string", "enum": [f"deck {number}" for number in range(12)]},
        },
        "From",
    )
    points = [
        event_point(f"Event {number % (count - 20)}", schema, kinds[number // (count - 20)])
        for number in range(count)
    ]
    return plan_of(*points, data_plan_id="large", version=1)


PLANS = {"shop": SHOP, "ferry": FERRY, "hostile": HOSTILE, "old": OLD, "empty": plan_of()}


def loaded(text):
    """Return a generated module."""
    module = ModuleType("generated")
    exec(compile(text, "generated", "exec"), vars(module))
    return module


def functions_in(text):
    """Return the functions of a module, by name."""
    return {
        node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)
    }
