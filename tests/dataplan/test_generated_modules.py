"""The module of verbs that is written for a plan."""

import ast
import json
import random
import subprocess
import sys
from ast import literal_eval
from inspect import getsource, signature
from pathlib import Path

import pytest
from data_plans import attributes_of, event_point, plan_of, point_of
from hypothesis import given
from hypothesis import strategies as st
from plan_modules import (
    FERRY,
    PLANS,
    SHOP,
    commerce_point,
    functions_in,
    large,
    loaded,
    screen_point,
)

from mpfluent import Batch, InvalidPlan, MPFluentError, Product, Promotion, Session
from mpfluent.dataplan import DataPlan
from mpfluent.dataplan.generated_module import written
from mpfluent.dataplan.names_file import NONE
from mpfluent.dataplan.points import meeting_of
from mpfluent.dataplan.verb_names import verb_names
from mpfluent.testing.strategies import planned

CASES = Path(__file__).parents[3] / "shared" / "dataplan" / "cases"


def verbs_of(*points):
    """Return the names of the generated functions that can be called."""
    names = functions_in(plan_of(*points).generate())
    return sorted(name for name in names if not name.startswith("_"))


def module_of(*points):
    return loaded(plan_of(*points).generate())


def test_a_generated_verb_appends_its_event():
    shop = loaded(SHOP.generate())
    batch = shop.ShopBatch.for_user(customer_id="1").searched(query="teapot", results=3, at=10**12)

    assert batch == Batch.for_user(customer_id="1").event(
        "Searched", {"query": "teapot", "results": 3}, type="search", at=10**12
    )
    assert type(batch) is shop.ShopBatch


def test_a_session_has_the_verbs_too():
    shop = loaded(SHOP.generate())
    session = shop.ShopSession.start(session_id=42).searched(query="teapot").signed_up(plan="pro")

    assert [event.event_num for event in session.events] == [0, 1, 2]
    assert isinstance(session, Session)


def test_what_is_left_out_is_not_sent():
    batch = loaded(SHOP.generate()).ShopBatch().signed_up(plan="trial")

    assert batch.events[0].attributes == {"plan": "trial"}


def test_the_text_of_a_verb():
    text = FERRY.generate()
    verb = text[text.index("    def searched_search(") : text.index("    def viewed_quay(")]

    assert (
        verb
        == '''\
    def searched_search(
        self: V,
        *,
        query: str,
        **fields: Unpack[CommonFields],
    ) -> V:
        """Append "Searched" (search)."""
        return self.event(
            "Searched",
            {
                "query": query,
            },
            type="search",
            **fields,
        )

'''
    )


def test_descriptions_and_limits_are_in_the_docstring():
    docstring = ast.get_docstring(functions_in(FERRY.generate())["searched_crossings"])

    assert (
        docstring
        == """\
Append "Searched crossings" (search).

It cannot take "tags": no value of it can be sent.

Args:
    from_: "From". Port of departure.
    passengers: "Passengers", 1 to 20.
    with_car: "With car".
    class_: "class", "1", "2" or "null".
    at_: "at", format date-time.
    type_: "type", matches ^[A-Z]{2}$.
    e_3rd: "3rd", above 0.
    seats: 1, 2 or 4.
    share: one of 0.25, 0.5.
    insured: True."""
    )


def test_the_types_of_arguments():
    found = signature(loaded(FERRY.generate()).FerryVerbs.searched_crossings).parameters
    types = {name: str(each.annotation).replace("typing.", "") for name, each in found.items()}

    assert {name: types[name] for name in list(types)[1:-1]} == {
        "from_": "<class 'str'>",
        "to": "<class 'str'>",
        "passengers": "<class 'float'>",
        "with_car": "bool | None",
        "class_": "Optional[Literal['1', '2', 'null']]",
        "at_": "str | None",
        "type_": "str | None",
        "e_3rd": "int | None",
        "seats": "Optional[Literal[1, 2, 4]]",
        "share": "float | None",
        "insured": "Optional[Literal[True]]",
    }


NAMES = {
    "one name with two types": (
        [event_point("Found", custom_type="search"), event_point("Found", custom_type="other")],
        ["found_other", "found_search"],
    ),
    "a screen": ([screen_point("Cart")], ["viewed_cart"]),
    "a screen and an event": (
        [screen_point("Cart"), event_point("Viewed cart")],
        ["viewed_cart_other", "viewed_cart_screen"],
    ),
    "a clash with a verb": ([event_point("Purchase")], ["purchase_event"]),
    "a clash with a field": ([event_point("Events")], ["events_event"]),
    "a clash with what a batch refuses": ([event_point("update")], ["update_event"]),
    "a type in annotations": ([event_point("Float")], ["float_event"]),
    "a keyword": ([event_point("Yield")], ["yield_"]),
    "a leading digit": ([event_point("2 for 1")], ["e_2_for_1"]),
    "two names alike": (
        [event_point("Signed up"), event_point("signed-up")],
        ["signed_up_1b5b", "signed_up_9856"],
    ),
    "a name without letters": ([event_point("???")], ["other_b8c4"]),
    "Chinese": ([event_point("搜索 商品")], ["搜索_商品"]),
    "commerce that our verb is enough for": (
        [commerce_point("product_action", "purchase", {})],
        [],
    ),
    "an event and a commerce event": (
        [
            event_point("Click"),
            commerce_point(
                "product_action", "click", {"custom_attributes": attributes_of({"a": {}})}
            ),
        ],
        ["click_action", "click_other"],
    ),
}


@pytest.mark.parametrize(("points", "verbs"), NAMES.values(), ids=NAMES)
def test_the_names_of_verbs(points, verbs):
    assert verbs_of(*points) == verbs


def test_a_name_never_comes_to_mean_another_event():
    one, other = event_point("Signed up"), event_point("signed-up")

    assert verbs_of(one) == ["signed_up"]
    assert "signed_up" not in verbs_of(one, other)


def test_arguments_of_names_alike_are_told_apart():
    schema = attributes_of({"From": {}, "from": {}, "???": {}})
    verb = functions_in(plan_of(event_point("Left", schema)).generate())["left"]

    assert sorted(argument.arg for argument in verb.args.kwonlyargs) == [
        "attribute_a03b",
        "from_2181",
        "from_7585",
    ]


def of_shuffled_points(plan, seed):
    """Return the module of a plan whose points stand in another order."""
    points = [
        {
            "description": point.description,
            "match": point.match,
            "validator": {"type": "json_schema", "definition": point.definition},
        }
        for point in plan._document.points
    ]
    rest = {"data_plan_id": plan.plan_id, "version": plan.version}
    random.Random(seed).shuffle(points)
    return plan_of(*points, **rest).generate()


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_module_is_the_same_if_points_are_shuffled(plan):
    once = of_shuffled_points(plan, 100)

    @given(seed=st.integers(0, 99))
    def check(seed):
        assert of_shuffled_points(plan, seed) == once

    check()


@pytest.mark.slow
def test_the_module_of_a_large_plan_is_the_same_if_points_are_shuffled():
    plan = large()

    assert of_shuffled_points(plan, 1) == plan.generate()


@pytest.mark.parametrize("width", [88, 100, 120])
def test_the_modules_are_formatted_as_ruff_would(width, tmp_path):
    for name, plan in PLANS.items():  # in one folder: to start ruff takes longer than its work
        (tmp_path / f"{name}.py").write_text(plan.generate(), encoding="utf-8")
    command = [sys.executable, "-m", "ruff"]
    settings = ["--isolated", f"--line-length={width}", "."]
    chosen = "--select=E,F,I,W,B,UP,PIE,RET,RUF100"
    for what in (["format", "--diff"], ["check"], ["check", chosen]):
        done = subprocess.run(
            [*command, *what, *settings], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout + done.stderr) in (
            (0, f"{len(PLANS)} files already formatted\n"),
            (0, "All checks passed!\n"),
        )


# What the verbs append


class Vocabulary:
    """A generated module, and which verb is for which event."""

    def __init__(self, plan):
        points = [*plan._validation.by_key.values()]
        self.module = loaded(plan.generate())
        self.names = verb_names(points, NONE)
        found = written(points, NONE)
        self.functions = {each.name: each for each in (*found.verbs, *found.factories, *found.user)}
        self.batch = plan.vocabulary().Batch

    def keywords(self, name, given):
        """Return the arguments of a function for what a plan calls them."""
        labels = {literal_eval(each.label): each.name for each in self.functions[name].arguments}
        return {labels[label]: value for label, value in given.items()}

    def appended(self, event):
        """Return a batch with an event that was drawn, made by its verb."""
        payload = Batch().add(event).to_dict()["events"][0]
        name = self.names[meeting_of(payload).key]
        given, values = dict(event.attributes or {}), []
        if event.event_type == "commerce_event":
            values = self.values_of(event)
            for record in (event, event.product_action):
                fields = record.to_dict() if record is not None else {}
                given |= {each: fields[each] for each in ("total_amount",) if each in fields}
        labels = {literal_eval(each.label) for each in self.functions[name].arguments}
        more = {each: value for each, value in given.items() if each not in labels}
        known = {each: value for each, value in given.items() if each in labels}
        keywords = {"attributes": more} if more else {}
        return getattr(self.batch(), name)(*values, **self.keywords(name, known), **keywords)

    def values_of(self, event):
        """Return what a verb of commerce takes without a name."""
        if event.promotion_action is not None:
            name = f"promotion_{event.promotion_action.action}_promotion"
            return [self.promotion(name, each) for each in event.promotion_action.promotions or ()]
        if event.product_action is not None:
            verb, products = event.product_action.action, event.product_action.products
            return [self.product(f"{verb}_product", each) for each in products]
        (shown,) = event.product_impressions
        products = [self.product("impression_product", each) for each in shown.products or ()]
        return [shown.product_impression_list, *products]

    def promotion(self, name, promotion):
        """Return a promotion that its function makes."""
        keywords = {"creative": promotion.creative, "position": promotion.position}
        return getattr(self.module, name)(promotion.id or "id", promotion.name, **keywords)

    def product(self, name, product):
        """Return a product that its function makes."""
        keywords = self.keywords(name, product.attributes or {})
        return getattr(self.module, name)(product.id or "sku", product.name, **keywords)


@pytest.mark.parametrize(
    "name", ["shop", "ferry", "old", "hostile", pytest.param("large", marks=pytest.mark.slow)]
)
def test_what_a_verb_appends_is_as_planned(name):
    plan = PLANS[name] if name in PLANS else large()
    vocabulary = Vocabulary(plan)
    ours = {"purchase"}  # what the plan of the shop says of it, ours can say

    @given(planned(plan))
    def check(drawn):
        user = dict(drawn.user_attributes or {})
        batch = vocabulary.batch()
        if user:
            user = vocabulary.keywords("with_planned_attributes", user)
            batch = batch.with_planned_attributes(**user)
        for event in drawn.events:
            if getattr(getattr(event, "product_action", None), "action", None) not in ours:
                batch = batch.merge(vocabulary.appended(event))

        assert plan.validate(batch) == ()

    check()


def test_a_factory_makes_products_as_planned():
    shop = loaded(SHOP.generate())
    pot = shop.purchase_product("sku-1", "Teapot", price=19.99, colour="blue")

    assert pot == Product("sku-1", "Teapot", price=19.99, attributes={"colour": "blue"})
    assert SHOP.validate(shop.ShopBatch().purchase(pot, total_amount=19.99)) == ()


def test_what_is_no_text_in_a_product_is_sent_as_text():
    car = loaded(FERRY.generate()).add_to_cart_product("sku", "Car", deck="upper", insured=True)

    assert car.attributes == {"deck": "upper", "insured": "true"}


def test_a_factory_makes_promotions_as_planned():
    ferry = loaded(FERRY.generate())
    summer = ferry.promotion_click_promotion("p-1", "Summer", creative="ship", position="top")
    batch = ferry.FerryBatch().with_planned_attributes(tier="gold")

    assert summer == Promotion("p-1", "Summer", creative="ship", position="top")
    assert FERRY.validate(batch.promotion_click_event(summer, place="quay")) == ()
    assert "promotion_click_promotion" in dir(FERRY.vocabulary())


def test_the_signature_of_a_factory_for_promotions_has_what_the_plan_requires():
    made = loaded(FERRY.generate()).promotion_click_promotion

    assert str(signature(made)).replace("typing.", "") == (
        "(id: str, name: str, *, creative: str, "
        "position: Optional[Literal['top', 'side']] = None) -> mpfluent.model.commerce.Promotion"
    )


def test_promotions_of_which_the_plan_says_nothing_have_no_factory():
    action = {"promotion_action": {"properties": {"promotions": {"items": {}}}}}

    assert verbs_of(commerce_point("promotion_action", "view", action)) == []


def requiring_attributes(schema):
    """Return the point of an event that must have attributes."""
    data = {"properties": {"custom_attributes": schema}, "required": ["custom_attributes"]}
    match = {
        "type": "custom_event",
        "criteria": {"event_name": "Left", "custom_event_type": "other"},
    }
    return point_of(match, {"properties": {"data": data}})


REQUIRED = {
    "one, and no others": (attributes_of({"to": {"type": "string"}}), "to: str", ""),
    "others only": (
        {"type": "object"},
        "attributes: Mapping[str, Scalar | None]",
        "The plan requires at least one of the attributes.",
    ),
    "several": (
        attributes_of({"to": {"type": "string"}, "deck": {"type": "integer"}}),
        "to: str | None = None, deck: int | None = None",
        "The plan requires at least one of the attributes.",
    ),
}


@pytest.mark.parametrize(("schema", "arguments", "said"), REQUIRED.values(), ids=REQUIRED)
def test_attributes_that_the_plan_requires_without_a_name_are_asked_for_where_a_type_can_say_so(
    schema, arguments, said
):
    plan = plan_of(requiring_attributes(schema))
    left = plan.vocabulary().Batch.left

    assert str(signature(left)).replace("'", "").startswith(f"(self: V, *, {arguments}, **fields")
    assert said in left.__doc__


def test_a_commerce_event_that_must_have_attributes_has_a_verb_that_asks_for_them():
    data = {"properties": {"data": {"required": ["custom_attributes"]}}}
    point = point_of({"type": "product_action", "criteria": {"action": "purchase"}}, data)

    assert verbs_of(point) == ["purchase_event"]
    with pytest.raises(TypeError, match="attributes"):
        plan_of(point).vocabulary().Batch().purchase_event(Product("sku-1"))


def test_planned_attributes_of_the_user_leave_others_as_they_are():
    ferry = loaded(FERRY.generate())
    batch = ferry.FerryBatch().with_user_attributes({"$age": 42})

    assert batch.with_planned_attributes(tier="gold", ports=["Kiel"]).user_attributes == {
        "$age": 42,
        "Tier": "gold",
        "Ports": ("Kiel",),
    }


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not at hand")
def test_each_plan_of_the_vendors_cases_has_a_module_or_an_error_of_ours():
    modules = 0
    for path in sorted(CASES.glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            try:
                text = DataPlan.from_dict(case.get("plan", case.get("version"))).generate()
            except MPFluentError:
                continue
            loaded(text)
            modules += 1

    assert modules > 140


# What has no verb

LEFT_OUT = {
    'custom_event "Left": its attribute "tags" is required, and cannot be sent.': event_point(
        "Left", attributes_of({"tags": {"type": "array"}}, "tags")
    ),
    'custom_event "Left": a batch cannot hold the type "leaving".': event_point(
        "Left", custom_type="leaving"
    ),
    'screen_view "": a batch cannot hold the name "".': screen_point(""),
    'custom_event "Left": its definition allows nothing.': point_of(
        {"type": "custom_event", "criteria": {"event_name": "Left", "custom_event_type": "other"}},
        False,
    ),
    'custom_event "Left": attributes are required, and none of them can be sent.': point_of(
        {"type": "custom_event", "criteria": {"event_name": "Left", "custom_event_type": "other"}},
        {
            "properties": {
                "data": {
                    "properties": {"custom_attributes": attributes_of({})},
                    "required": ["custom_attributes"],
                }
            }
        },
    ),
    'product_action "purchase": a batch cannot hold the field "till".': commerce_point(
        "product_action", "purchase", {"product_action": {"required": ["till"]}}
    ),
}


@pytest.mark.parametrize(("text", "point"), LEFT_OUT.items(), ids=LEFT_OUT)
def test_the_module_says_which_events_have_no_verb_and_why(text, point):
    docstring = ast.get_docstring(ast.parse(plan_of(point).generate()))

    assert " ".join(docstring.partition("These have no verb:\n\n* ")[2].split()) == text
    assert verbs_of(point) == []


def test_other_types_of_events_have_the_verbs_that_they_had():
    assert verbs_of(point_of({"type": "session_start"}), point_of({"type": "uninstall"})) == []


def test_what_the_plan_requires_besides_is_in_the_docstring():
    definition = {"properties": {"data": {"required": ["canonical_name", "custom_attributes"]}}}
    criteria = {"event_name": "Left", "custom_event_type": "other"}
    point = point_of({"type": "custom_event", "criteria": criteria}, definition)

    assert ast.get_docstring(functions_in(plan_of(point).generate())["left"]).split("\n\n") == [
        'Append "Left" (other).',
        "The plan requires at least one of the attributes.",
        'The plan requires "canonical_name", too.',
        "The plan allows other attributes, too: write attributes={…}.",
    ]


def test_a_plan_with_a_broken_definition_has_no_module():
    plan = plan_of(event_point("Left", {"required": "query"}))

    with pytest.raises(InvalidPlan) as caught:
        plan.generate()

    assert str(caught.value) == (
        "generate(): data_points[0] (custom_event 'Left'): its definition is broken at "
        "/properties/data/properties/custom_attributes/required: 'query' is no list of names; "
        "plan.problems() lists them all"
    )


CLASSES = {
    "ferry": "Ferry",
    "web-shop_2": "WebShop2",
    "2024": "Plan2024",
    "event": "EventPlan",
    "渡轮": "渡轮",
    None: "Planned",
}


@pytest.mark.parametrize(("plan_id", "prefix"), CLASSES.items(), ids=str)
def test_the_classes_are_called_like_the_plan(plan_id, prefix):
    module = loaded(plan_of(data_plan_id=plan_id).generate())

    assert {name for name in vars(module) if name.startswith(prefix)} == {
        f"{prefix}{kind}" for kind in ("Verbs", "Batch", "Session")
    }


def test_a_plan_of_a_thousand_points_has_a_verb_for_each():
    names = functions_in(large().generate())

    assert len(names) == 1_000
    assert {"event_0_other", "event_0_search", "event_979"} <= set(names)


# At the prompt


def test_a_vocabulary_has_the_same_classes_as_the_module():
    shop = SHOP.vocabulary()
    batch = shop.Batch.for_user(customer_id="1").searched(query="teapot")
    products = [shop.purchase_product("sku-1", price=5)]

    assert repr(shop) == "<Vocabulary Batch, Session, Verbs, purchase_product>"
    assert [shop.Batch.__name__, shop.Session.__name__] == ["ShopBatch", "ShopSession"]
    assert issubclass(shop.Batch, shop.Verbs)
    assert SHOP.validate(batch.purchase(*products)) == ()
    assert 'Append "Searched"' in shop.Batch.searched.__doc__


def test_the_code_of_a_vocabulary_can_be_shown():
    first, second = SHOP.vocabulary(), FERRY.vocabulary()

    assert getsource(first.Batch.signed_up).startswith("    def signed_up(")
    assert getsource(second.Batch.yield_).startswith("    def yield_(")


def test_what_a_vocabulary_does_not_have_is_an_error_that_says_what_it_has():
    with pytest.raises(AttributeError) as caught:
        SHOP.vocabulary().Bacth

    assert str(caught.value) == "the vocabulary has no 'Bacth'; did you mean 'Batch'?"
