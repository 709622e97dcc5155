"""The warning for a batch that the statement which made it threw away: where, and where not."""

from __future__ import annotations

import asyncio
import copy
import dis
import doctest
import functools
import gc
import inspect
import io
import operator
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import mpfluent
from mpfluent import AppEvent, Batch, EventVerbs, Product, Session
from mpfluent.builder import unused_warning
from mpfluent.builder.base import Builder
from mpfluent.errors import UnusedBatchWarning


def chains(cls=Builder):
    """Return every class that has verbs."""
    return {cls}.union(*map(chains, cls.__subclasses__()))


@pytest.fixture(scope="module", autouse=True)
def watching():
    """Watch while this file's tests run, and have everything as it was afterwards."""
    before = unused_warning._watching, {cls: dict(vars(cls)) for cls in chains()}
    unused_warning.watch()
    yield
    unused_warning._watching = before[0]
    for cls, members in before[1].items():
        for name, member in members.items():
            if vars(cls)[name] is not member:
                setattr(cls, name, member)


class ShopVerbs(EventVerbs):
    """A user's verbs, made before the verbs were watched."""

    def signed_up(self, plan="pro"):
        return self.event("Signed up", {"plan": plan})

    def left(self):
        left = self.event("Left")
        return left if left.events else self

    def checked(self):
        return self

    def renamed(self):
        return super().event("Renamed")


class Tagging:
    """A mixin that knows nothing of mpfluent."""

    def tagged(self):
        return self.event("Tagged")


class ShopBatch(Tagging, ShopVerbs, Batch):
    pass


class Holder:
    def __init__(self, batch):
        self.batch = batch

    @property
    def shopper(self):
        raise AssertionError("a property was called")

    def searched(self, batch):
        return batch.event("Searched")


def helper(batch):
    return batch.event("Searched")


def helper_of_helper(batch):
    return helper(batch)


def storing(batch):
    found = batch.event("Searched")
    return found if found.events else batch


def generator(batch):
    yield batch.event("Searched")
    return batch.event("Searched")


async def coroutine(batch):
    return batch.event("Searched")


def names():
    """Return what the snippets speak of."""
    batch = Batch.for_user(customer_id="1")
    return {
        **{
            value.__name__: value
            for value in (
                *(asyncio, copy, functools, io, mpfluent, operator, pickle, threading),
                *(AppEvent, Batch, Product, Session),
                *(helper, helper_of_helper, storing, generator, coroutine),
            )
        },
        "shopper": batch,
        "other": Batch().event("Other"),
        "shop": ShopBatch(),
        "visit": Session.start(session_id=42),
        "holder": Holder(batch),
        "batches": [batch, batch],
        "found": [],
        "yes": True,
    }


def seen_in(code, how):
    """Return the warnings of a piece of code: their texts and lines."""
    code = textwrap.dedent(code).strip("\n")
    if how == "function":  # its names become locals
        given = names()
        used = {name for name in given if name.islower() and name in code}
        used -= {name for name in used if f"def {name}" in code}
        code = f"def go({', '.join(sorted(used))}): # 0\n{textwrap.indent(code, '    ')}"
    namespace = names()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(code, "<snippet>", "exec"), namespace)
        if how == "function":
            namespace["go"](**{name: namespace[name] for name in used})
    assert {warning.category for warning in caught} <= {UnusedBatchWarning}
    assert {warning.filename for warning in caught} <= {"<snippet>"}
    first = 1 if how == "function" else 0
    return [(str(warning.message), warning.lineno - first) for warning in caught]


def text_of(verb, line, kind="batch"):
    return f"{verb} returns a new {kind}, and this line throws it away; write {line}"


THROWN = [
    ('shopper.event("Searched")', "event()", "shopper = shopper.event(…)", 1),
    ("shopper.first_run()", "first_run()", "shopper = shopper.first_run()", 1),
    ("shopper.with_ip('::1')", "with_ip()", "shopper = shopper.with_ip(…)", 1),
    (
        "shopper.without_identities()",
        "without_identities()",
        "shopper = shopper.without_identities()",
        1,
    ),
    ("shopper.event(name='x', type='search')", "event()", "shopper = shopper.event(…)", 1),
    ("shopper.event('x', **{'type': 'search'})", "event()", "shopper = shopper.event(…)", 1),
    (
        "shopper.purchase(*[Product(s) for s in 'ab'])",
        "purchase()",
        "shopper = shopper.purchase(…)",
        1,
    ),
    ("shopper.event('x' if yes else 'y')", "event()", "shopper = shopper.event(…)", 1),
    ("shopper.event(yes and 'x' or 'y')", "event()", "shopper = shopper.event(…)", 1),
    ("shopper.with_ip('::1').event('x')", "event()", "shopper = shopper.with_ip(…).event(…)", 1),
    ("shopper.add(AppEvent('x'))", "add()", "shopper = shopper.add(…)", 1),
    ("shopper.merge(other)", "merge()", "shopper = shopper.merge(…)", 1),
    ("shopper + other", "+", "shopper = shopper + …", 1),
    ("holder.batch + other", "+", "holder.batch = holder.batch + …", 1),
    ("shopper.with_ip('::1') + other", "+", "shopper = shopper.with_ip(…) + …", 1),
    ("holder.batch.event('x')", "event()", "holder.batch = holder.batch.event(…)", 1),
    ("batches[0].event('x')", "event()", "batch = ….event(…)", 1),
    ("(shopper if yes else other).event('x')", "event()", "batch = ….event(…)", 1),
    ("Batch().event('x')", "event()", "batch = Batch().event(…)", 1),
    ("Batch.event(shopper, 'x')", "event()", "batch = Batch.event(…)", 1),
    ("copy.copy(shopper).event('x')", "event()", "batch = copy.copy(…).event(…)", 1),
    ("visit.event('x')", "event()", "visit = visit.event(…)", 1),
    ("visit.event('x').uninstall()", "uninstall()", "visit = visit.event(…).uninstall()", 1),
    ("event = shopper.event\nevent('x')", "event()", "batch = event(…)", 2),
    # in every kind of statement
    ("yes and shopper.event('x')", "event()", "shopper = shopper.event(…)", 1),
    ("shopper.event('x') if yes else None", "event()", "shopper = shopper.event(…)", 1),
    ("if yes:\n  shopper.event('x')", "event()", "shopper = shopper.event(…)", 2),
    ("for b in batches[1:]:\n  b.event('x')", "event()", "b = b.event(…)", 2),
    ("try:\n  shopper.event('x')\nfinally:\n  yes", "event()", "shopper = shopper.event(…)", 2),
    ("try:\n  yes\nfinally:\n  shopper.event('x')", "event()", "shopper = shopper.event(…)", 4),
    ("with threading.Lock():\n  shopper.event('x')", "event()", "shopper = shopper.event(…)", 2),
    ("class Shop:\n  shopper.event('x')", "event()", "shopper = shopper.event(…)", 2),
    ("yes; shopper.event('x'); yes", "event()", "shopper = shopper.event(…)", 1),
    # broken over lines: where the statement begins is where the name belongs
    (
        "yes\nshopper.event(\n  'x',\n  {'a': 1},\n)",
        "event()",
        "shopper = shopper.event(…)",
        2,
    ),
    (
        "(\n  shopper\n  .with_ip('::1')\n  .event('x', {'a': 1})\n)",
        "event()",
        "shopper = shopper.with_ip(…).event(…)",
        2,
    ),
    (
        "(\n  holder.batch\n  .purchase(\n    *[Product(s) for s in 'ab'],\n  )\n)",
        "purchase()",
        "holder.batch = holder.batch.purchase(…)",
        2,
    ),
    # a user's verbs, and functions that hand a batch on
    ("shop.signed_up()", "signed_up()", "shop = shop.signed_up()", 1),
    ("shop.left()", "left()", "shop = shop.left()", 1),
    ("shop.renamed()", "renamed()", "shop = shop.renamed()", 1),
    ("shop.tagged()", "tagged()", "shop = shop.tagged()", 1),
    ("helper(shopper)", "helper()", "batch = helper(…)", 1),
    ("helper_of_helper(shopper)", "helper_of_helper()", "batch = helper_of_helper(…)", 1),
    ("holder.searched(shopper)", "searched()", "batch = holder.searched(…)", 1),
    # the compiler writes such a call twice
    ("helper(other if not yes else shopper)", "helper()", "batch = helper(…)", 1),
    # 3.13 loads both names at once
    ("shopper + holder.searched(other)", "+", "shopper = shopper + …", 1),
    ("(shopper if yes else other) + other", "+", "batch = … + …", 1),
    (
        "(copy.copy(shopper)\n  .purchase(\n    *[Product(s) for s in 'ab']))",
        "purchase()",
        "batch = copy.copy(…).purchase(…)",
        1,
    ),
]


@pytest.mark.parametrize("how", ["module", "function"])
@pytest.mark.parametrize(
    ("code", "verb", "line", "at"), THROWN, ids=[code.splitlines()[0] for code, *_ in THROWN]
)
def test_a_statement_that_throws_a_batch_away_warns_at_its_line(code, verb, line, at, how):
    ((text, number),) = seen_in(code, how)

    kind = "session" if code.startswith("visit") else "batch"
    assert text == text_of(verb, line, kind)
    assert number == at


KEPT = """
x = shopper.event('x')
x = (y := shopper.event('x'))
(y := shopper.event('x'))
shopper = shopper.event('x'); shopper
shopper += other
holder.batch = holder.batch.event('x')
found.append(shopper.event('x'))
found += [shopper.event('x')]
print(shopper.event('x'), file=io.StringIO())
assert shopper.event('x')
assert shopper.event('x') == shopper.event('x'), shopper.event('x')
shopper.event('x').events
shopper.event('x').to_json()
shopper.event('x').event('y').to_dict()
len(shopper.event('x').events)
{'a': shopper.event('x')}
[b.event('x') for b in batches]
[*(b.event('x') for b in batches)]
f"{shopper.event('x')}"
found.extend(map(Batch.first_run, batches))
found.extend(map(operator.methodcaller('event', 'x'), batches))
list(map(helper, batches))
found.sort(key=Batch.first_run)
batches.sort(key=lambda b: len(b.event('x').events))
batches.sort(key=lambda b: b.event('x').to_json())
sorted(batches, key=lambda b: str(b.event('x')))
functools.reduce(operator.add, batches)
sum(batches, Batch())
sum(map(Batch.first_run, batches), Batch())
getattr(shopper, 'event')('x')
(lambda: shopper.event('x'))()
functools.partial(shopper.event, 'x')()
found_it = shopper.event; found_it('x')
eval("shopper.event('x')", {'shopper': shopper})
storing(shopper)
generator(shopper)
next(generator(shopper))
list(generator(shopper))
coroutine(shopper).close()
shopper.pipe(helper)
shopper.pipe(Batch.event, 'x')
shop.checked()
shopper.with_deleted_user_attributes()
visit.add()
Batch()
Batch.for_user(customer_id='1')
Batch.from_json(shopper.to_json())
Batch.from_dict({})
Session.start(session_id=1)
shopper.problems()
shopper.to_json()
repr(shopper.event('x'))
copy.copy(shopper), copy.deepcopy(shopper)
pickle.loads(pickle.dumps(shopper))
holder.shopper if not yes else None
threading.Thread(target=shopper.event, args=('x',)).start()
""".strip().splitlines()


@pytest.mark.parametrize("how", ["module", "function"])
@pytest.mark.parametrize("code", KEPT)
def test_a_batch_that_goes_somewhere_is_nobodys_mistake(code, how):
    assert seen_in(code, how) == []


def test_a_call_that_raises_threw_nothing_away():
    code = """
    try:
        shopper.event(5)
    except mpfluent.InvalidValue:
        pass
    """

    assert seen_in(code, "function") == []


def test_what_a_function_returns_or_yields_is_kept():
    code = """
    def returned():
        return shopper.event('x')
    def yielded():
        yield shopper.event('x')
        (yield).event('y')
    async def awaited():
        return shopper.event('x')
    a = returned()
    b = list(zip(yielded(), 'a'))
    c = asyncio.run(awaited())
    """

    assert seen_in(code, "module") == []


def test_a_coroutine_and_a_generator_can_throw_away_too():
    code = """
    async def searching():
        shopper.event('x')
        await asyncio.sleep(0)
        async with asyncio.Lock():
            shopper.event('y')
    def listing():
        shopper.event('z')
        yield 5
    asyncio.run(searching())
    list(listing())
    """

    assert [line for _, line in seen_in(code, "module")] == [2, 5, 7]


def test_a_thread_can_throw_away_too():
    code = """
    def searching():
        shopper.event('x')
    thread = threading.Thread(target=searching)
    thread.start()
    thread.join()
    """

    assert [line for _, line in seen_in(code, "module")] == [2]


def test_a_users_verb_that_forgets_warns_within():
    class Forgetful(ShopVerbs):
        def searched_and_left(self):
            self.event("Searched")
            return self.event("Left")

    class ForgetfulBatch(Forgetful, Batch):
        pass

    line = inspect.getsourcelines(Forgetful)[1] + 2
    with pytest.warns(UnusedBatchWarning) as caught:
        batch = ForgetfulBatch().searched_and_left()

    assert [str(warning.message) for warning in caught] == [
        text_of("event()", "self = self.event(…)")
    ]
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]
    assert len(batch.events) == 1


def test_one_line_warns_once_by_default():
    namespace = names()
    code = "for _ in range(5):\n    shopper.event('x')\nshopper.event('y')"
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        exec(compile(code, "<snippet>", "exec"), namespace)

    assert [warning.lineno for warning in caught] == [2, 3]


def test_a_line_is_not_taken_for_another_with_equal_code():
    """Code objects with the same content are equal wherever they stand."""
    for number in range(3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(compile("shopper.event('x')", f"<{number}>", "exec"), names())

        assert [warning.filename for warning in caught] == [f"<{number}>"]


def test_what_is_remembered_has_an_end():
    for number in range(50):
        seen_in(f"shopper.event('{number}')", "module")

        assert unused_warning._results.cache_info().currsize <= 20


ONE_LINE = [
    ("x = shopper; x.event('y')", "event()", "x = x.event(…)"),
    ("x = shopper; x.with_ip('::1').first_run()", "first_run()", "x = x.with_ip(…).first_run()"),
    ("x = shopper; x + other", "+", "x = x + …"),
    ("x = helper; x; x = helper; helper(shopper)", "helper()", "batch = helper(…)"),
    ("x = shopper.event; event = x; event('y')", "event()", "batch = event(…)"),
    ("for x in batches[1:]: x.event('y')", "event()", "x = x.event(…)"),
]


@pytest.mark.parametrize("how", ["module", "function"])
@pytest.mark.parametrize(("code", "verb", "line"), ONE_LINE)
def test_several_statements_on_a_line_have_a_warning_each(code, verb, line, how):
    assert seen_in(code, how) == [(text_of(verb, line), 1)]


def test_a_long_chain_is_shown_without_its_middle():
    code = "shopper.with_ip('::1')" + ".first_run()" * 600 + ".event('x')"

    assert seen_in(code, "module") == [
        (text_of("event()", "shopper = shopper.with_ip(…)….event(…)"), 1)
    ]
    assert seen_in(code.replace("shopper", "batches[0]"), "module") == [
        (text_of("event()", "batch = ….with_ip(…)….event(…)"), 1)
    ]
    assert seen_in(code + " + other", "module") == [
        (text_of("+", "shopper = shopper.with_ip(…)….event(…) + …"), 1)
    ]


def test_a_long_name_is_shown_as_it_is():
    name = "shopper_" * 20
    code = f"{name} = shopper\n{name}.event('x')"

    assert seen_in(code, "module") == [(text_of("event()", f"{name} = {name}.event(…)"), 2)]


@pytest.mark.parametrize("how", ["module", "function"])
def test_what_a_cache_returns_is_kept_there(how):
    code = """
    @functools.lru_cache
    def cached():
        return Batch().event('x')
    class Shop:
        known = functools.cache(lambda self: shopper.event('x'))
        @functools.cache
        def named(self):
            return shopper.event('x')
        @staticmethod
        def plain():
            return shopper.event('x')
    cached()
    holder.cached = cached
    holder.cached()
    Shop().plain()
    shop = Shop()
    shop.named()
    Shop.plain()
    shop.plain()
    """

    assert seen_in(code, how) == [
        (text_of("plain()", "batch = Shop().plain()"), 15),
        (text_of("plain()", "batch = Shop.plain()"), 18),
        (text_of("plain()", "batch = shop.plain()"), 19),
    ]


def looked_at(monkeypatch, code):
    """Return how often code was disassembled, and how many lines of the warning's code ran."""
    disassembled, ran = [], []
    disassemble = dis.get_instructions

    def trace(frame, event, _):
        if frame.f_code.co_filename != unused_warning.__file__:
            return None
        if event == "line":
            ran.append(frame.f_lineno)
        return trace

    before = sys.gettrace()
    with monkeypatch.context() as patched:
        patched.setattr(
            dis, "get_instructions", lambda code: disassembled.append(code) or disassemble(code)
        )
        sys.settrace(trace)
        try:
            seen_in(code, "module")
        finally:
            sys.settrace(before)
    return len(disassembled), len(ran)


@pytest.mark.parametrize(
    "code", ["x = shopper.event('x')\n" * 300, "x = (shopper\n" + ".event('x')\n" * 300 + ")"]
)
def test_what_is_kept_is_seen_without_disassembling(code, monkeypatch):
    disassembled, ran = looked_at(monkeypatch, code)

    assert disassembled == 0
    assert ran <= 300 * 25  # lines for each verb, most of them to skip over CACHE


GROWING = {
    "thrown away": lambda times: "shopper.event('x')\n" * times,
    "a chain": lambda times: "(shopper\n" + ".event('x')\n" * times + ")",
    "returned": lambda times: (
        "def one(number):\n"
        + "".join(f"    if number == {n}: return shopper.event('x')\n" for n in range(times))
        + f"for number in range({times}): x = one(number)"
    ),
}


@pytest.mark.parametrize("kind", GROWING)
def test_a_function_of_twice_the_size_is_twice_the_work(kind, monkeypatch):
    disassembled, ran = looked_at(monkeypatch, GROWING[kind](50))
    again, ran_of_twice = looked_at(monkeypatch, GROWING[kind](100))

    assert (disassembled, again) == (1, 1)
    assert 0 < ran_of_twice <= 2.1 * ran


def test_a_long_jump_leads_to_what_becomes_of_a_result():
    code = f"yes\nshopper.event('x') if yes else [{'len(found), ' * 300}]" + "\nyes.real" * 9

    assert [line for _, line in seen_in(code, "module")] == [2]


def instructions():
    """Return how many instructions are in memory: they take a thousand times the room of bytes."""
    gc.collect()
    # isinstance() would ask an object for its __class__, and other tests leave some that raise
    return sum(type(held) is dis.Instruction for held in gc.get_objects())


def test_no_instruction_is_remembered():
    before = instructions()
    for number in range(5):
        seen_in(f"shopper.event('{number}')", "module")

        assert instructions() == before


def test_where_warnings_are_errors_the_line_is_in_the_traceback():
    def forgetful():
        Batch().event("Searched")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnusedBatchWarning, match="write batch = Batch") as caught:
            forgetful()
    shown = [entry for entry in caught.traceback if "__tracebackhide__" not in entry.locals]

    assert shown[-1].name == "forgetful"  # what pytest shows last


def test_a_prompt_prints_what_a_line_makes():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile("Batch().event('x')", "<prompt>", "single"), {"Batch": Batch})
        text = ">>> Batch().event('x')  # doctest: +ELLIPSIS\n<Batch...'x'>\n"
        parsed = doctest.DocTestParser().get_doctest(text, {"Batch": Batch}, "t", None, None)
        results = doctest.DocTestRunner().run(parsed)

    assert (results.failed, results.attempted) == (0, 1)
    assert caught == []


def test_a_cell_of_a_notebook_shows_its_last_line_and_throws_the_others_away():
    without_history = Config({"HistoryManager": {"enabled": False}})  # whose file stays open
    shell = InteractiveShell.instance(config=without_history)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shell.run_cell("from mpfluent import Batch\nBatch().event('x')\nBatch().event('y')")
    shell.run_line_magic("reset", "-f")
    InteractiveShell.clear_instance()

    assert [warning.lineno for warning in caught] == [2]


def test_watching_twice_changes_nothing():
    before = Batch.event
    unused_warning.watch()

    assert Batch.event is before


def test_a_class_that_is_made_later_is_watched_too():
    class LaterVerbs(EventVerbs):
        def later(self):
            later = self.event("Later")
            return later if later.events else self

    class LaterBatch(LaterVerbs, Batch):
        pass

    with pytest.warns(UnusedBatchWarning, match="batch = LaterBatch"):
        LaterBatch().later()


@pytest.mark.parametrize("name", ["event", "purchase", "with_device", "add", "merge"])
def test_a_watched_verb_looks_like_itself(name):
    watched = getattr(Batch, name)
    verb = inspect.unwrap(watched)

    assert watched is not verb
    assert watched.__name__ == name
    assert watched.__doc__ == verb.__doc__
    assert inspect.signature(watched) == inspect.signature(verb)
    assert watched.__annotations__ == verb.__annotations__
    assert "Unpack" not in str(inspect.signature(watched))


@pytest.mark.parametrize("name", ["pipe", "for_user", "from_json", "to_json", "_event", "_with"])
def test_what_does_not_make_a_batch_of_a_batch_is_left_alone(name):
    member = inspect.getattr_static(Batch, name)

    assert getattr(member, "__code__", None) is not unused_warning._GUARD


# In processes of their own


def run(code, *options, **environment):
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={
            **{key: value for key, value in os.environ.items() if key != "MPFLUENT_DEBUG"},
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


FORGETFUL = """
from mpfluent import Batch
batch = Batch.for_user(customer_id="1")
batch.event("Searched")
"""


@pytest.mark.parametrize(
    ("options", "environment", "warned"),
    [
        ([], {}, False),
        ([], {"MPFLUENT_DEBUG": "0"}, False),
        ([], {"MPFLUENT_DEBUG": ""}, False),
        ([], {"MPFLUENT_DEBUG": "1"}, True),
        (["-X", "dev"], {}, True),
        (["-X", "dev", "-X", "no_debug_ranges"], {}, False),  # nothing says which call a line means
        (["-O"], {"MPFLUENT_DEBUG": "1"}, True),
        (["-W", "ignore"], {"MPFLUENT_DEBUG": "1"}, False),
    ],
)
def test_it_warns_in_dev_mode_and_on_request_only(options, environment, warned):
    _, stderr = run(FORGETFUL, *options, **environment)

    assert ("<string>:4: UnusedBatchWarning: event() returns" in stderr) is warned


def test_nothing_is_touched_where_nobody_watches():
    code = """
    from mpfluent import Batch
    from mpfluent.builder import base, unused_warning
    def classes(cls): return {cls}.union(*map(classes, cls.__subclasses__()))
    members = [member for cls in classes(base.Builder) for member in vars(cls).values()]
    codes = [getattr(member, "__code__", None) for member in members]
    remembered = unused_warning._results.cache_info().currsize
    print(Batch.event.__code__ in codes, unused_warning._GUARD in codes, remembered)
    """

    assert run(code)[0] == ["True", "False", "0"]


def test_late_watching_reaches_what_was_there_before():
    code = """
    import sys, warnings
    from mpfluent import Batch
    from mpfluent.builder import unused_warning
    batch = Batch()
    batch.event("unseen")
    unused_warning.watch()
    with warnings.catch_warnings(record=True) as caught:
        batch.event("seen")
    print(*[warning.lineno for warning in caught])
    """

    assert run(code)[0] == ["9"]


def test_it_can_be_switched_on_before_there_is_any_batch():
    code = """
    import sys
    from mpfluent.builder import unused_warning
    unused_warning.watch()
    from mpfluent import Batch
    Batch().event("Searched")
    """

    assert "<string>:6: UnusedBatchWarning" in run(code)[1]


def test_a_tracer_changes_nothing():
    code = """
    import sys
    sys.settrace(lambda *_: None)
    from mpfluent import Batch
    def go():
        Batch().event("Searched")
        kept = Batch().event("Searched")
    go()
    if sys.version_info >= (3, 12):
        sys.settrace(None)
        events = sys.monitoring.events
        sys.monitoring.use_tool_id(1, "test")
        sys.monitoring.set_events(1, events.LINE | events.INSTRUCTION | events.CALL)
        def gone():
            Batch().first_run()
            kept = Batch().event("Searched")
        gone()
    else:
        Batch().first_run()
    """
    stderr = run(code, MPFLUENT_DEBUG="1")[1]

    assert stderr.count("UnusedBatchWarning") == 2


def test_a_test_that_forgets_fails_where_warnings_are_errors(tmp_path, no_others):
    (tmp_path / "test_shop.py").write_text(
        textwrap.dedent(
            """
            from mpfluent import Batch

            def test_kept():
                batch = Batch()
                assert len(batch.event("x").events) == 1 and batch.event("y"), batch.event("z")

            def test_thrown():
                batch = Batch()
                batch.event("x")
                assert batch.events == ()
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-p", "mpfluent", "-W", "error"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "MPFLUENT_DEBUG": "1"},
    )

    assert "1 failed, 1 passed" in done.stdout
    assert "test_shop.py:10: UnusedBatchWarning" in done.stdout
    assert "write batch = batch.event(…)" in done.stdout


def test_the_warning_is_a_runtime_warning_of_ours():
    assert issubclass(UnusedBatchWarning, RuntimeWarning)
    assert not issubclass(UnusedBatchWarning, mpfluent.MPFluentError)
