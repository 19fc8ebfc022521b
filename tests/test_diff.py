"""What `diff` finds: one edit at a time, and the laws that hold for any two architectures."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import ARCHITECTURES, BODIES, WIDE, attribute, call, config, linear, model, norm, result, run, spec, x
from mended import mended
from mirrored import is_mirrored

from pytest_nnviz.architecture import Architecture, Argument, Body, Buffer, Const, Literal, Module, Parameter, Tree
from pytest_nnviz.drift import Change, align_calls, diff, group
from pytest_nnviz.drift.places import short_places
from pytest_nnviz.drift.sequence import common

GATES = {"structure", "shapes", "parameters", "topology", "cost"}
KINDS = {"added", "removed", "changed", "renamed", "moved", "reordered"}
CONSEQUENCES = {"breaks checkpoints", "changes the function", "training only", "changes the cost", "cosmetic"}


def facts(old, new):
    """What changed on its own, as tuples."""
    return [
        (c.gate, c.kind, c.place, c.what, c.old, c.new, c.consequence) for c in diff(old, new).changes if not c.ripple
    ]


def ripples(old, new):
    return [change for change in diff(old, new).changes if change.ripple]


class TestModules:
    def test_argument(self):
        old = model([("fc", norm(eps=1e-5, momentum=0.1))])
        new = model([("fc", norm(eps=1e-3, momentum=0.2))])
        assert facts(old, new) == [
            ("structure", "changed", "fc", "eps", "1e-05", "0.001", "changes the function"),
            ("structure", "changed", "fc", "momentum", "0.1", "0.2", "training only"),
        ]

    def test_argument_that_had_its_default(self):
        assert facts(model([("n", norm())]), model([("n", norm(eps=1.0))])) == [
            ("structure", "changed", "n", "eps", "1e-05", "1.0", "changes the function")
        ]

    def test_argument_of_a_class_that_has_the_name_of_a_layer_of_torch(self):
        """Torch's own layers never show a default; this one shows two."""
        old, new = model([("n", norm(momentum=0.1))]), model([("n", norm(momentum=0.1, eps=1e-5))])
        assert [fact[4:6] for fact in facts(old, new)] == [(None, "1e-05")]

    def test_order_of_arguments(self):
        old, new = (model([("b", Module("Block", made))]) for made in (config(a=1, b=2), config(b=2, a=1)))
        assert facts(old, new) == [("structure", "reordered", "b", "arguments", "a, b", "b, a", "cosmetic")]

    def test_argument_whose_default_is_not_known(self):
        old, new = model([("b", Module("Block"))]), model([("b", Module("Block", config(eps=1.0)))])
        assert [fact[4:6] for fact in facts(old, new)] == [(None, "1.0")]

    @pytest.mark.parametrize(
        ("class_name", "argument", "consequence"),
        [
            ("Dropout", "p", "training only"),
            ("LSTM", "dropout", "training only"),
            ("Block", "drop_path", "training only"),
            ("BertConfig", "hidden_dropout_prob", "training only"),
            ("ReLU", "inplace", "cosmetic"),
            ("LPPool2d", "p", "changes the function"),
            ("MultiheadAttention", "num_heads", "changes the function"),
        ],
    )
    def test_consequence_of_an_argument(self, class_name, argument, consequence):
        old, new = (model([("m", Module(class_name, config(**{argument: value})))]) for value in (1, 2))
        assert [change.consequence for change in diff(old, new).changes] == [consequence]

    def test_class_with_its_configuration_is_one_change(self):
        old, new = model([("a", Module("ReLU"))]), model([("a", Module("GELU", config(approximate="tanh")))])
        assert facts(old, new) == [
            ("structure", "changed", "a", "", "ReLU()", "GELU(approximate='tanh')", "changes the function")
        ]

    def test_class_renamed_only_is_cosmetic_where_the_graph_shows_the_inside(self):
        def of(class_name):
            inside = Body((call("relu", x()),), result("relu"))
            return model([("b", Module(class_name))], [run("b", x=x(), body=inside)])

        assert [fact[-1] for fact in facts(of("Block"), of("BasicBlock"))] == ["cosmetic"]

    def test_other_sizes_are_the_argument_and_the_parameters_follow(self):
        old, new = model([("fc", linear(8, 8))]), model([("fc", linear(8, 16))])
        assert [fact[3:6] for fact in facts(old, new)] == [("out_features", "8", "16")]
        assert [(c.gate, c.what, c.old, c.new, c.consequence) for c in ripples(old, new)] == [
            ("parameters", "weight", "f32[8, 8]", "f32[16, 8]", "breaks checkpoints"),
            ("parameters", "bias", "f32[8]", "f32[16]", "breaks checkpoints"),
        ]

    def test_removed_subtree_is_one_change_of_structure(self):
        block = Module("Block", children=(("a", linear()), ("b", linear())))
        old, new = model([("x", block), ("y", linear(3))]), model([("y", linear(3))])
        assert facts(old, new) == [("structure", "removed", "x", "", "Block()", None, "breaks checkpoints")]
        assert [(c.gate, c.kind, c.old) for c in ripples(old, new)] == [("parameters", "removed", "144 in 4")]

    @pytest.mark.parametrize(
        ("module", "consequence"),
        [
            (Module("ReLU"), "changes the function"),
            (Module("Dropout", config(p=0.5)), "training only"),
            (Module("Identity"), "cosmetic"),
            (Module("Head", buffers=(Buffer("mask", spec(2), persistent=False),)), "changes the function"),
            (Module("Head", buffers=(Buffer("mask", spec(2)),)), "breaks checkpoints"),
        ],
    )
    def test_added(self, module, consequence):
        assert [(fact[1], fact[-1]) for fact in facts(model(), model([("m", module)]))] == [("added", consequence)]

    def test_renamed(self):
        old, new = model([("a", linear(1)), ("b", linear(2))]), model([("a", linear(1)), ("c", linear(2))])
        assert facts(old, new) == [("structure", "renamed", "c", "", "b", "c", "breaks checkpoints")]

    def test_renamed_and_edited_between_the_same_neighbours(self):
        def of(name, size):
            return model([("a", linear(1)), (name, linear(2, size)), ("z", linear(3))])

        assert [fact[1:4] for fact in facts(of("b", 2), of("c", 4))] == [
            ("renamed", "c", ""),
            ("changed", "c", "out_features"),
        ]

    def test_inserted_in_a_sequence_of_numbers_explains_the_numbers_of_what_follows(self):
        layers = [linear(2), Module("ReLU"), linear(3)]

        def of(modules):
            return model([("s", Module("Sequential", children=tuple((str(i), m) for i, m in enumerate(modules))))])

        new = of([layers[0], Module("Dropout"), *layers[1:]])
        assert [(fact[1], *fact[4:]) for fact in facts(of(layers), new)] == [
            ("added", None, "Dropout()", "breaks checkpoints")
        ]
        assert [(c.old, c.new) for c in ripples(of(layers), new) if c.gate == "structure"] == [
            ("s.1", "s.2"),
            ("s.2", "s.3"),
        ]

    def test_one_more_of_equal_layers_is_one_at_the_end(self):
        def of(count):
            return model([("l", Module("ModuleList", children=tuple((str(i), linear()) for i in range(count))))])

        assert [fact[1:3] for fact in facts(of(3), of(4))] == [("added", "l.3")]

    def test_moved_into_a_new_parent(self):
        old = model([("encoder", linear(2)), ("head", linear(3))])
        new = model([("model", Module("Inner", children=old.root.children))])
        assert [fact[1:3] + fact[-1:] for fact in facts(old, new)] == [
            ("added", "model", "changes the function"),
            ("moved", "model.encoder", "breaks checkpoints"),
            ("moved", "model.head", "breaks checkpoints"),
        ]
        assert diff(old, new).renames == (("encoder", "model.encoder"), ("head", "model.head"))

    def test_what_moved_into_a_new_parent_has_a_place_of_its_own(self):
        """What was beside one of two went, as the other one has its name there."""

        def of(**parents):
            return model(
                [
                    (at, Module(at.upper(), children=tuple((name, linear(8, size)) for name, size in sizes.items())))
                    for at, sizes in parents.items()
                ]
            )

        drift = diff(of(p={"a": 3, "b": 5}, q={"c": 4}), of(r={"a": 3, "b": 4}))
        assert drift.renames == (("p.a", "r.a"), ("q.c", "r.b"))

    def test_edit_inside_of_what_was_renamed_is_found_at_the_new_path(self):
        def of(name, p):
            inside = (("fc", linear()), ("drop", Module("Dropout", config(p=p))))
            return model([(name, Module("Block", children=inside))])

        drift = diff(of("a", 0.1), of("b", 0.2))
        assert [(c.kind, c.place, c.what) for c in drift.changes if not c.ripple] == [
            ("renamed", "b", ""),
            ("changed", "b.drop", "p"),
        ]
        assert drift.old_path("b.drop") == "a.drop"

    def test_order_of_children(self):
        children = [("a", linear(1)), ("b", linear(2)), ("c", linear(3))]
        assert [fact[1:4] for fact in facts(model(children), model(children[1:] + children[:1]))] == [
            ("reordered", "", "children")
        ]

    @pytest.mark.parametrize(
        ("marks", "kind", "consequence"),
        [
            (((), ("never called",)), "added", "training only"),
            (((), ("train",)), "added", "changes the function"),
            (((), ("load hook",)), "added", "changes the function"),
            ((("load hook",), ()), "removed", "changes the function"),
            (((), ("extra state",)), "added", "breaks checkpoints"),
            ((("save hook",), ()), "removed", "breaks checkpoints"),
            (((), ("gradient hook",)), "added", "training only"),
        ],
    )
    def test_marks(self, marks, kind, consequence):
        old, new = (model([("a", linear(marks=side))]) for side in marks)
        assert [(fact[1], fact[-1]) for fact in facts(old, new)] == [(kind, consequence)]

    def test_what_is_inside_of_a_part_that_is_not_called_either(self):
        """Of modules that are never called the outermost alone has the mark: the inner one is not called now."""

        def of(outer, inner):
            child = linear(marks=inner)
            return model([("a", Module("ModuleDict", children=(("c", child),), marks=outer))])

        used, unused = of((), ("never called",)), of(("never called",), ())
        assert [fact[1:4] for fact in facts(used, unused)] == [("added", "a", "never called")]
        assert [fact[1:4] for fact in facts(unused, used)] == [("removed", "a", "never called")]
        assert [fact[1:4] for fact in facts(of((), ()), used)] == [("added", "a.c", "never called")]

    def test_shared_module_becomes_its_own(self):
        old = model([("a", linear()), ("b", Module("", shared="a"))])
        new = model([("a", linear()), ("b", linear())])
        assert [fact[2:] for fact in facts(old, new)] == [
            ("b", "", "= a", "Linear(in_features=8, out_features=8)", "changes the function")
        ]

    def test_place_of_sharing_follows_a_rename(self):
        old = model([("a", linear()), ("b", Module("", shared="a"))])
        new = model([("c", linear()), ("b", Module("", shared="c"))])
        assert [fact[1:3] for fact in facts(old, new)] == [("renamed", "c")]

    def test_mode(self):
        old = model([("a", linear())])
        assert facts(old, replace(old, mode="train")) == [
            ("structure", "changed", "", "mode", "eval", "train", "training only")
        ]


class TestTensors:
    def of(self, *parameters, buffers=()):
        return model([("m", Module("M", (), tuple(parameters), tuple(buffers)))])

    @pytest.mark.parametrize(
        ("old", "new", "fact"),
        [
            (
                Parameter("w", spec(2)),
                Parameter("w", spec(3)),
                ("changed", "w", "f32[2]", "f32[3]", "breaks checkpoints"),
            ),
            (
                Parameter("w", spec(2)),
                Parameter("w", spec(2, dtype="f16")),
                ("changed", "w", "f32[2]", "f16[2]", "changes the function"),
            ),
            (
                Parameter("w", spec(2)),
                Parameter("w", spec(2), trainable=False),
                ("changed", "w", "trainable", "frozen", "training only"),
            ),
            (Parameter("w", spec(2)), Parameter("v", spec(2)), ("renamed", "v", "w", "v", "breaks checkpoints")),
        ],
    )
    def test_parameter(self, old, new, fact):
        (found,) = diff(self.of(old), self.of(new)).changes
        assert (found.kind, found.what, found.old, found.new, found.consequence) == fact
        assert found.gate == "parameters"

    def test_added_parameter(self):
        old, new = self.of(), self.of(Parameter("w", spec(2)))
        assert facts(old, new) == [
            ("parameters", "added", "m", "w", None, "parameter f32[2]", "breaks checkpoints"),
        ]

    @pytest.mark.parametrize(
        ("old", "new", "consequence"),
        [
            (Buffer("b", spec(2)), Buffer("b", spec(3)), "breaks checkpoints"),
            (Buffer("b", spec(2), False), Buffer("b", spec(3), False), "changes the function"),
            (Buffer("b", spec(2), False), Buffer("b", spec(2)), "breaks checkpoints"),
            (Buffer("b", spec(2)), Buffer("b", spec(2, dtype="f16")), "changes the function"),
        ],
    )
    def test_buffer(self, old, new, consequence):
        (found,) = diff(self.of(buffers=[old]), self.of(buffers=[new])).changes
        assert found.consequence == consequence

    def test_parameter_that_became_a_buffer_keeps_its_key(self):
        old, new = self.of(Parameter("w", spec(2))), self.of(buffers=[Buffer("w", spec(2))])
        assert facts(old, new) == [
            ("parameters", "changed", "m", "w", "parameter f32[2]", "buffer f32[2]", "training only")
        ]

    def test_parameter_that_became_a_buffer_of_another_dtype_is_cast(self):
        old, new = self.of(Parameter("w", spec(2))), self.of(buffers=[Buffer("w", spec(2, dtype="f16"))])
        assert [fact[-1] for fact in facts(old, new)] == ["changes the function"]

    @pytest.mark.parametrize(("dtype", "consequence"), [("f32", "breaks checkpoints"), ("f16", "changes the function")])
    def test_tied_tensor_of_another_shape_follows_the_one_it_is_tied_to(self, dtype, consequence):
        def of(size, dtype):
            own = Parameter("weight", spec(4, size, dtype=dtype))
            tied = replace(own, tied="^a.weight")
            return model([("a", Module("Embedding", (), (own,))), ("b", Module("Linear", (), (tied,)))])

        old, new = of(8, "f32"), of(9 if dtype == "f32" else 8, dtype)
        assert [fact[2] for fact in facts(old, new)] == ["a"]
        assert [(c.place, c.what, c.consequence) for c in ripples(old, new)] == [("b", "weight", consequence)]

    def test_untied_and_cast(self):
        tied = Parameter("weight", spec(8, 8), tied="^a.weight")
        old = model([("a", linear()), ("b", Module("Linear", (), (tied,)))])
        own = Parameter("weight", spec(8, 8, dtype="f16"))
        new = model([("a", linear()), ("b", Module("Linear", (), (own,)))])
        assert [fact[-1] for fact in facts(old, new)] == ["changes the function"]

    def test_tied(self):
        tied = Parameter("weight", spec(8, 8), tied="^a.weight")
        old = model([("a", linear()), ("b", Module("Linear", (), (Parameter("weight", spec(8, 8)),)))])
        new = model([("a", linear()), ("b", Module("Linear", (), (tied,)))])
        assert [fact[2:] for fact in facts(old, new)] == [
            ("b", "weight", "f32[8, 8]", "tied to a.weight", "changes the function")
        ]

    def test_tensors_that_stay_tied_without_the_first_of_them(self):
        def of(*names):
            first = f"^{names[0]}.weight"
            weights = [Parameter("weight", spec(8, 8), tied=None if name == names[0] else first) for name in names]
            heads = [(name, Module("Head", parameters=(weight,))) for name, weight in zip(names, weights, strict=True)]
            return model(heads)

        old, new = of("a", "b", "c"), of("b", "c")
        assert [fact[1:3] for fact in facts(old, new)] == [("removed", "a")]
        assert [(c.place, c.old, c.new) for c in ripples(old, new) if c.kind == "changed"] == [
            ("b", "tied to a.weight", "f32[8, 8]"),
            ("c", "tied to a.weight", "tied to b.weight"),
        ]

    def test_tie_follows_a_rename(self):
        def of(name):
            tied = Parameter("weight", spec(8, 8), tied=f"^{name}.weight")
            return model([(name, linear()), ("b", Module("Linear", (), (tied,)))])

        assert [fact[1:3] for fact in facts(of("a"), of("c"))] == [("renamed", "c")]

    def test_what_was_tied_to_a_renamed_module_and_is_to_another(self):
        def of(first, tied):
            return model([(first, linear()), ("b", linear()), ("h", tie(f"^{tied}.weight"))])

        def tie(where):
            return Module("Head", parameters=(Parameter("weight", spec(8, 8), tied=where),))

        told = ("changed", "h", "weight", "tied to a.weight", "tied to b.weight", "changes the function")
        assert [fact[1:] for fact in facts(of("a", "a"), of("c", "b"))][1:] == [told]

    def test_what_leads_to_a_module_that_another_has_the_name_of(self):
        """What reads as before is tied to another weight, and the second name of another layer."""
        head = Module("Head", parameters=(Parameter("weight", spec(8, 8), tied="^l.0.weight"),))

        def of(*layers):
            children = tuple(zip("01", layers, strict=False))
            return model([("l", Module("ModuleList", children=children)), ("h", head), ("s", Module("", shared="l.0"))])

        old, new = of(linear()), of(Module("Other", parameters=linear().parameters), linear())
        assert [(fact[2], *fact[4:6]) for fact in facts(old, new)] == [
            ("l.0", None, "Other()"),
            ("h", "tied to l.0.weight (now l.1.weight)", "tied to l.0.weight"),
            ("s", "= l.0 (now l.1)", "= l.0"),
        ]
        assert facts(old, new)[-1][-1] == "changes the function"  # all keys are there, and of the same shapes
        assert is_mirrored(diff(old, new), diff(new, old))

    @pytest.mark.parametrize("turned", [1, -1])
    def test_untied_from_what_became_a_buffer_follows(self, turned):
        own = Parameter("weight", spec(8))
        tied = Module("B", (), (replace(own, tied="^a.weight"),))
        both = model([("a", Module("A", (), (own,))), ("b", tied)])
        apart = model([("a", Module("A", buffers=(Buffer("weight", spec(8)),))), ("b", Module("B", (), (own,)))])
        old, new = (both, apart)[::turned]
        assert [fact[1:4] for fact in facts(old, new)] == [("changed", "a", "weight")]
        assert [(change.place, change.what) for change in ripples(old, new)] == [("b", "weight")]

    def test_order_of_parameters(self):
        """Which state of an optimizer is whose goes by it; a buffer has none."""
        a, b, c = (Parameter(name, spec(size)) for size, name in enumerate("abc"))
        assert facts(self.of(a, b, c), self.of(b, a, c)) == [
            ("parameters", "reordered", "m", "parameters", "a, b", "b, a", "training only")
        ]
        fixed = self.of(b, c, buffers=[Buffer("a", spec(0))])
        assert [fact[1:4] for fact in facts(self.of(a, b, c), fixed)] == [("changed", "m", "a")]


class TestCalls:
    calls = (
        call("relu", x()),
        call("add", result("relu"), x()),
        call("add", result("add"), result("relu")),
        call("mul", result("add"), result("add", back=1)),
    )

    def of(self, *calls, **extra):
        return model((), calls, **extra)

    def test_literal(self):
        old, new = self.of(call("softmax", x(), dim=1)), self.of(call("softmax", x(), dim=2))
        (change,) = diff(old, new).changes
        assert change == Change(
            *("topology", "changed", "", "softmax", "dim=1", "dim=2", "changes the function", (0,), (0,)),
            matched="by name",
        )

    def test_argument_before_one_that_stayed(self):
        old = self.of(call("attend", x(), is_causal=True, scale=0.25))
        new = self.of(call("attend", x(), scale=0.25))
        assert [fact[3:6] for fact in facts(old, new)] == [("attend", "is_causal=True", None)]
        assert [fact[3:6] for fact in facts(new, old)] == [("attend", None, "is_causal=True")]

    def test_operand_that_was_removed_with_its_parameter(self):
        def of(scale):
            parameters = (Parameter("scale", spec(8)),) * scale
            return self.of(call("scaled", x(), *[attribute("scale")] * scale), parameters=parameters)

        for old, new in ((of(1), of(0)), (of(0), of(1))):
            assert [(fact[0], fact[3]) for fact in facts(old, new)] == [("parameters", "scale")]
            assert [change.gate for change in ripples(old, new)] == ["topology"]

    def test_argument_that_its_module_is_configured_with(self):
        def of(size, **shown):
            body = Body((call("softmax", x(), **shown),), result("softmax"))
            return model([("b", Module("Block", config(dim=size)))], [run("b", x=x(), body=body)])

        old, new = of(1), of(2, dim=2)
        for pair in ((old, new), (new, old)):
            assert [fact[0] for fact in facts(*pair)] == ["structure"]
            assert [change.gate for change in ripples(*pair)] == ["topology"]
        assert [fact[0] for fact in facts(old, of(2, dim=3))] == ["structure", "topology"]

    def test_inserted_call_of_a_name_that_others_count_back(self):
        """``%add~1`` reads ``%add~2`` behind it: the same call by another count."""
        a, b, c, d = self.calls
        extra = call("add", result("add"), 5)
        last = replace(d, args=(d.args[0], Argument(None, result("add", back=2))))
        assert facts(self.of(*self.calls), self.of(a, b, extra, c, last)) == [
            ("topology", "added", "", "add(%add, 5)", None, "add(%add, 5)", "changes the function")
        ]
        assert [c.what for c in ripples(self.of(*self.calls), self.of(a, b, extra, c, last))] == ["add"]

    def test_inserted_call_that_nothing_uses_is_one_change(self):
        new = self.of(
            *self.calls[:3],
            call("add", x(), 7),
            replace(
                self.calls[3],
                args=(Argument(None, result("add", back=1)), Argument(None, result("add", back=2))),
            ),
        )
        assert len(diff(self.of(*self.calls), new).changes) == 1

    def test_same_text_of_another_call_is_a_change(self):
        """``relu(%add)`` takes another ``add`` when a second one stands before it."""
        old = self.of(call("add", x(), 1), call("sub", x(), 2), call("relu", result("add")))
        new = self.of(call("add", x(), 1), call("sub", x(), 2), call("add", x(), 9), call("relu", result("add")))
        assert ("changed", "relu") in {(c.kind, c.what) for c in diff(old, new).changes if not c.ripple}

    def test_removed_residual(self):
        old = self.of(call("conv", x()), call("add", result("conv"), x()), call("relu", result("add")))
        new = self.of(call("conv", x()), call("relu", result("conv")))
        assert [fact[1:4] for fact in facts(old, new)] == [("removed", "", "add(%conv, x)")]
        assert [c.what for c in ripples(old, new)] == ["relu"]

    def test_rewired_past_something_else_is_no_ripple(self):
        old = self.of(call("a", x()), call("b", x()), call("c", result("b")), call("relu", result("c")))
        new = self.of(call("a", x()), call("b", x()), call("relu", result("a")))
        assert [fact[1] for fact in facts(old, new)] == ["removed", "changed"]

    @pytest.mark.parametrize(("name", "consequence"), [("sub", "changes the function"), ("mul", "cosmetic")])
    def test_swapped_operands(self, name, consequence):
        old = self.of(call("relu", x()), call(name, result("relu"), x()))
        new = self.of(call("relu", x()), call(name, x(), result("relu")))
        assert facts(old, new) == [
            ("topology", "changed", "", name, f"{name}(%relu, x)", f"{name}(x, %relu)", consequence)
        ]

    def test_swapped_operands_in_a_list(self):
        def of(*names):
            items = tuple(map(result, names))
            return self.of(call("relu", x()), call("gelu", x()), call("cat", Tree("list", items), dim=1))

        assert [fact[4:6] for fact in facts(of("relu", "gelu"), of("gelu", "relu"))] == [
            ("cat([%relu, %gelu], dim=1)", "cat([%gelu, %relu], dim=1)")
        ]

    def test_another_function_in_the_same_place_is_one_change(self):
        old = self.of(call("relu", x()), call("mul", result("relu"), 2))
        new = self.of(call("gelu", x()), call("mul", result("gelu"), 2))
        assert [fact[1:6] for fact in facts(old, new)] == [("changed", "", "gelu", "relu(x)", "gelu(x)")]

    @pytest.mark.parametrize(
        ("calls", "items"),
        [
            ("relu gelu tanh", "relu gelu tanh"),
            ("tanh relu gelu", "tanh relu gelu"),
            ("relu neg gelu tanh", "neg gelu tanh"),
            ("tanh relu neg gelu", "tanh neg gelu"),
            ("relu neg gelu abs tanh sigmoid", "tanh neg abs sigmoid"),
        ],
    )
    def test_items_that_came_to_a_list_follow_from_their_calls(self, calls, items):
        """Those that go through another call now too, wherever in the list they stand."""

        def of(calls, items):
            takes = {"neg": result("relu"), "abs": result("gelu")}
            made = [call(name, takes.get(name, x())) for name in calls.split()]
            return self.of(*made, call("cat", Tree("list", tuple(map(result, items.split())))))

        shorter, longer = of("relu gelu", "relu gelu"), of(calls, items)
        came = {f"{name}({'%relu' if name == 'neg' else '%gelu' if name == 'abs' else 'x'})" for name in calls.split()}
        came -= {"relu(x)", "gelu(x)"}
        assert {(fact[1], fact[5]) for fact in facts(shorter, longer)} == {("added", text) for text in came}
        assert {(fact[1], fact[4]) for fact in facts(longer, shorter)} == {("removed", text) for text in came}

    def test_functions_of_the_same_in_the_places_of_each_other(self):
        """Nothing tells that they changed places: each is another one now."""
        old, new = ([call(name, 1) for name in names.split()] for names in ("relu neg abs gelu", "gelu neg abs relu"))
        assert [fact[1:6] for fact in facts(self.of(*old), self.of(*new))][:2] == [
            ("changed", "", "gelu", "relu(1)", "gelu(1)"),
            ("changed", "", "relu", "gelu(1)", "relu(1)"),
        ]

    def test_changed_places(self):
        calls = [call("relu", x()), call("gelu", x()), call("cat", result("relu"), result("gelu"))]
        old, new = self.of(*calls), self.of(calls[1], calls[0], calls[2])
        [told] = facts(old, new)
        assert (told[1], told[-1]) == ("reordered", "cosmetic")
        assert told[3:6] in {("relu", "first", "after gelu"), ("gelu", "after relu", "first")}

    def test_functions_that_changed_places_and_the_names_of_their_arguments(self):
        one, two = [call("gelu", 1), call("relu", x=1)], [call("relu", 1), call("gelu", x=1)]
        told = {(fact[1], *fact[3:6]) for fact in facts(self.of(*one), self.of(*two))}
        assert {("changed", "relu", "relu(x=1)", "relu(1)"), ("changed", "gelu", "gelu(1)", "gelu(x=1)")} <= told

    def test_call_that_moved_explains_those_around_it(self):
        def of(*names):
            calls = [call(name, x() if not i else result(names[i - 1])) for i, name in enumerate(names)]
            return self.of(*[replace(c, kind="module") for c in calls])

        old, new = of("emb", "a", "b", "norm", "head"), of("emb", "norm", "a", "b", "head")
        assert [fact[1:] for fact in facts(old, new)] == [
            ("changed", "", "self.norm", "self.norm(%b)", "self.norm(%emb)", "changes the function"),
            ("reordered", "", "self.norm", "after self.b", "after self.emb", "cosmetic"),
        ]
        assert [c.what for c in ripples(old, new)] == ["self.a", "self.head"]

    def test_call_that_only_changed_places_explains_nothing(self):
        """``head`` takes ``b`` on top of ``a`` now: that ``b`` ran elsewhere before has no part in it."""
        a, b, c = (run(name, value) for name, value in (("a", x()), ("b", result("a")), ("c", result("a"))))
        old = self.of(a, b, c, call("mul", result("b"), result("c")), run("head", result("a")))
        new = self.of(a, c, b, call("mul", result("b"), result("c")), run("head", result("b")))
        assert ("changed", "self.head") in {(fact[1], fact[3]) for fact in facts(old, new)}

    def test_operands_of_the_same_name_are_told_apart(self):
        def of(*operands):
            calls = [call("relu", x()), call("add", *operands), call("add", x(), 9), run("n", result("add", back=1))]
            return self.of(*calls)

        old = of(x(), 1)
        new = self.of(*old.forward.calls[:3], run("n", result("add")))
        swapped = replace(new, forward=replace(new.forward, calls=(*new.forward.calls[:3], run("n", result("add")))))
        assert [fact[4:6] for fact in facts(old, swapped)] == [("self.n(%add~1)", "self.n(%add)")]
        one = self.of(call("add", x(), 1), call("sub", x(), 2), run("n", result("add")))
        other = self.of(call("add", x(), 1), call("sub", x(), 2), call("add", x(), 9), run("n", result("add")))
        assert [fact[4:6] for fact in facts(one, other) if fact[3] == "self.n"] == [
            ("self.n(%add(x, 1))", "self.n(%add(x, 9))")
        ]

    def test_what_is_returned_of_the_same_name_is_told_apart(self):
        old = self.of(call("add", x(), 1), call("sub", x(), 2), returns=result("add"))
        new = self.of(call("add", x(), 1), call("sub", x(), 2), call("add", x(), 9), returns=result("add"))
        assert [fact[4:6] for fact in facts(old, new) if fact[3] == "return"] == [("%add(x, 1)", "%add(x, 9)")]

    def test_field_of_what_is_returned(self):
        def of(*keys):
            return self.of(call("relu", x()), returns=Tree("dict", (result("relu"),) * len(keys), keys))

        assert facts(of("a", "b"), of("a")) == [
            ("topology", "removed", "", "return b", "%relu", None, "changes the function")
        ]
        assert [fact[3:6] for fact in facts(of("a"), of("b"))] == [("return", "{a: %relu}", "{b: %relu}")]

    def test_fields_of_another_kind_of_tree(self):
        one, two = (Tree(kind, (result("relu"),) * len(keys), keys) for kind, keys in [("dict", "a"), ("Out", "ab")])
        old, new = (self.of(call("relu", x()), returns=value) for value in (one, two))
        assert [fact[1:6] for fact in facts(old, new)] == [
            ("changed", "", "return", "{a: %relu}", "Out(a=%relu, b=%relu)")
        ]

    def test_returns(self):
        calls = [call("relu", x()), call("gelu", x())]
        old, new = self.of(*calls), self.of(*calls, returns=result("relu"))
        assert facts(old, new) == [("topology", "changed", "", "return", "%gelu", "%relu", "changes the function")]

    def test_one_of_several_returns(self):
        calls = [call("relu", x()), call("gelu", x())]
        old, new = (
            self.of(*calls, returns=Tree("tuple", tuple(map(result, names))))
            for names in (("relu", "gelu"), ("relu", "relu"))
        )
        assert [fact[3:6] for fact in facts(old, new)] == [("return", "(%relu, %gelu)", "(%relu, %relu)")]

    @pytest.mark.parametrize("name", ["self.table", None])
    def test_constant(self, name):
        def of(size, alpha):
            return self.of(call("add", x(), Const(spec(size), name), alpha=alpha))

        assert [fact[3:6] for fact in facts(of(1, 1), of(1, 2))] == [("add", "alpha=1", "alpha=2")]
        assert [fact[3] for fact in facts(of(1, 1), of(2, 1))] == ["add"]

    @pytest.mark.parametrize(
        ("old", "new", "consequence"),
        [
            (call("dropout", x(), p=0.1), call("dropout", x(), p=0.2), "training only"),
            (call("batch_norm", x(), training=False), call("batch_norm", x(), training=True), "training only"),
            (call("relu", x()), call("relu_", x()), "cosmetic"),
            (call("relu", x(), inplace=False), call("relu", x(), inplace=True), "cosmetic"),
            (call("sum", x(), dim=1), call("sum", x()), "changes the function"),
        ],
    )
    def test_consequence(self, old, new, consequence):
        assert [fact[-1] for fact in facts(self.of(old), self.of(new))] == [consequence]

    @pytest.mark.parametrize(
        ("names", "consequence"),
        [
            ("detach detach_ requires_grad_ checkpoint dropout", "training only"),
            ("clone contiguous alias", "cosmetic"),
            ("relu checkpointed", "changes the function"),
        ],
    )
    def test_consequence_of_a_call_that_came(self, names, consequence):
        for name in names.split():
            calls = [call("gelu", x()), call(name, result("gelu"))]
            old, new = (self.of(*calls[:size], returns=result("gelu")) for size in (1, 2))
            assert [fact[1:4] + fact[-1:] for fact in facts(old, new)] == [("added", "", f"{name}(%gelu)", consequence)]

    def test_shapes_follow_their_cause(self):
        def of(size):
            gives = spec(size, 8)
            calls = [call("relu", x(), gives=gives), call("gelu", result("relu"), gives=gives)]
            return self.of(*calls, inputs=(("x", gives),))

        old, new = of(1), of(2)
        assert facts(old, new) == [
            ("shapes", "changed", "", "input x", "f32[1, 8]", "f32[2, 8]", "cosmetic"),
        ]
        assert [(c.gate, c.what, c.consequence) for c in ripples(old, new)] == [
            ("shapes", "relu", "cosmetic"),
            ("shapes", "gelu", "cosmetic"),
        ]

    @pytest.mark.parametrize("shape", [(1, 4), (1, 2, 4)])
    def test_shape_without_a_cause_is_told(self, shape):
        old, new = self.of(call("pool", x())), self.of(call("pool", x(), gives=spec(*shape)))
        texts = ("f32[1, 8]", f"f32{[*shape]}")
        assert facts(old, new) == [("shapes", "changed", "", "pool", *texts, "changes the function")]

    def test_names_of_inputs(self):
        old = self.of(call("relu", x()))
        new = self.of(call("relu", x("data")), inputs=(("data", spec(1, 8)),))
        assert [fact[1:6] for fact in facts(old, new)] == [("renamed", "", "input", "x", "data")]

    def test_call_of_a_module_that_is_still_there_is_told(self):
        calls = [run("a", x()), run("b", result("a")), run("a", result("b"))]
        old, new = (model([("a", linear()), ("b", linear())], made) for made in (calls, calls[:2]))
        assert [fact[1:4] for fact in facts(old, new)] == [("removed", "", "self.a(%b)")]
        assert [fact[1:4] for fact in facts(new, old)] == [("added", "", "self.a(%b)")]

    def test_weight_that_is_tied_now_goes_by_its_first_name(self):
        own = Parameter("weight", spec(8, 8))

        def of(weight, taken):
            layers = [("a", Module("A", (), (own,))), ("b", Module("B", (), (weight,)))]
            return model(layers, [call("linear", x(), attribute(taken))])

        apart, tied = of(own, "b.weight"), of(replace(own, tied="^a.weight"), "a.weight")
        for old, new in ((apart, tied), (tied, apart)):
            assert [fact[:4] for fact in facts(old, new)] == [("parameters", "changed", "b", "weight")]
            assert [(change.gate, change.what) for change in ripples(old, new)] == [("topology", "linear")]

    def test_graph_that_was_not_recorded(self):
        old = self.of(call("relu", x()))
        assert [fact[1:4] for fact in facts(old, model())] == [("removed", "", "forward")]


class TestScopes:
    def of(self, *inside, name="m", returns=None, argument="x", before=()):
        body = Body(inside, returns or result(inside[-1].name))
        calls = [*before, run(name, **{argument: x()}, body=body)]
        return model([(name, Module("Block", children=(("fc", linear()),)))], calls)

    def test_edit_inside(self):
        old, new = (
            self.of(run("fc", x()), call("softmax", result("fc"), dim=1)),
            self.of(run("fc", x()), call("softmax", result("fc"), dim=2)),
        )
        (change,) = diff(old, new).changes
        assert (change.place, change.what, change.old_call, change.new_call) == ("m", "softmax", (0, 1), (0, 1))

    def test_call_of_a_renamed_module_is_no_change_of_its_own(self):
        old, new = self.of(run("fc", x()), name="m"), self.of(run("fc", x()), name="n")
        assert [fact[1:3] for fact in facts(old, new)] == [("renamed", "n")]
        assert not [c for c in diff(old, new).changes if c.gate == "topology"]

    def test_an_attribute_that_was_renamed_is_the_same_operand(self):
        def of(name):
            return model([], [call("mul", x(), attribute(name))], parameters=(Parameter(name, WIDE),))

        assert [fact[1:4] for fact in facts(of("w"), of("v"))] == [("renamed", "", "v")]
        assert not [change for change in ripples(of("w"), of("v")) if change.gate == "topology"]

    def test_an_argument_that_is_the_number_of_its_module_follows_it(self):
        def of(number):
            layer = Module("Layer", (Argument("layer", Literal(number)),))
            return model([("l", Module("ModuleList", children=(("0", layer),)))])

        for number, follows in (("0", True), ("7", False)):
            told = [(c.what, c.old, c.new, c.ripple) for c in diff(of("<index>"), of(number)).changes]
            assert told == [("layer", "<index>", number, follows)]

    def test_results_of_a_renamed_module_in_a_list(self):
        def of(name, *lists):
            cats = [call("cat", Tree("list", tuple(map(result, names)))) for names in lists]
            children = [("b", linear(8, 4)), (name, linear())]
            return model(children, [run("b", x()), run(name, result("b")), *cats], x())

        old, new = of("a", ["a"]), of("c", ["c"], ["b"])
        assert [fact[1:4] for fact in facts(old, new)][1:] == [("added", "", "cat([%b])")]

    def test_call_of_a_module_that_is_gone_follows_from_that(self):
        old = model([("a", linear()), ("b", linear(8, 8, marks=("train",)))], [run("a", x()), run("b", result("a"))])
        new = model([("a", linear())], [run("a", x())])
        assert [fact[:4] for fact in facts(old, new)] == [("structure", "removed", "b", "")]
        assert {c.kind for c in ripples(old, new) if c.gate == "topology"} == {"removed", "changed"}

    def test_a_tensor_that_became_a_tuple(self):
        one, two = (
            model([], [call("relu", 1)], inputs=(("x", value),)) for value in (WIDE, Tree("tuple", (WIDE, WIDE)))
        )
        for old, new in ((one, two), (two, one)):
            assert [fact[1:4] for fact in facts(old, new)] == [("changed", "", "input x")]

    def test_renamed_argument_of_forward(self):
        old = self.of(call("relu", x()), argument="x")
        new = self.of(call("relu", x("h")), argument="h")
        assert [fact[1:] for fact in facts(old, new)] == [("renamed", "m", "input", "x", "h", "cosmetic")]

    def test_reference_out_of_an_equal_scope_to_another_call(self):
        inside = (call("add", x(), result("relu", up=1)),)
        old = self.of(*inside, before=[call("relu", x()), call("gelu", x())])
        new = self.of(*inside, before=[call("relu", x()), call("gelu", x()), call("relu", result("gelu"))])
        assert ("changed", "m", "add") in {fact[1:4] for fact in facts(old, new)}

    def test_same_edit_in_equal_layers_is_one_group(self):
        def of(dim):
            body = Body((call("softmax", x(), dim=dim),), result("softmax"))
            layers = [("l", Module("ModuleList", children=tuple((str(i), Module("L")) for i in range(4))))]
            calls = [run(f"l.{i}", x=x() if not i else result(f"l.{i - 1}"), body=body) for i in range(4)]
            return model(layers, calls)

        (found,) = group(diff(of(1), of(2)).changes)
        assert short_places(found.places) == "l.{0..3}"
        assert found.consequence == "changes the function"

    def test_same_rename_in_two_blocks_is_one_group(self):
        def of(name):
            return model([(at, Module("Block", children=((name, linear(size)),))) for at, size in (("p", 1), ("q", 2))])

        (found,) = group(diff(of("f"), of("g")).changes)
        assert found.places == ("p.f", "q.f")


class TestWrapping:
    def of(self):
        body = Body((run("a", x()), call("relu", result("a")), run("b", result("relu"))), result("b"))
        bare = model([("a", linear(1)), ("b", linear(2))], body.calls)
        full = model([("model", bare.root)], [run("model", x=x(), body=body)])
        return bare, replace(full, root=replace(full.root, class_name="Wrapped"))

    @pytest.mark.parametrize("kind", ["wrapped", "unwrapped"])
    def test_a_model_as_it_is_moves_its_keys_and_changes_nothing_else(self, kind):
        bare, full = self.of()
        drift = diff(bare, full) if kind == "wrapped" else diff(full, bare)
        told = [(c.kind, c.old, c.new, c.consequence) for c in drift.changes if not c.ripple]
        paths = ("", "model") if kind == "wrapped" else ("model", "")
        assert told == [("moved", *paths, "breaks checkpoints")]
        assert drift.old_path("model.a" if kind == "wrapped" else "a") == ("a" if kind == "wrapped" else "model.a")

    def test_a_model_whose_result_is_used_otherwise_changes_the_function(self):
        bare, full = self.of()
        calls = (*full.forward.calls, call("mul", result("model"), 2))
        other = replace(full, forward=Body(calls, result("mul")))
        assert "changes the function" in {fact[-1] for fact in facts(bare, other)}


class TestOrder:
    def of(self, *order, modules=None, last=0):
        layers = modules or [linear(8, 8, marks=(str(i),)) for i in range(4)]
        children = tuple((str(i), layer) for i, layer in enumerate(layers))
        calls = [run(f"l.{n}", result(f"l.{order[i - 1]}") if i else x()) for i, n in enumerate(order)]
        head = run("head", result(calls[-1 - last].name))
        return model([("l", Module("ModuleList", children=children)), ("head", linear())], [*calls, head])

    def test_of_the_modules_of_a_container_is_one_change(self):
        old, new = self.of(0, 1, 2, 3), self.of(3, 2, 1, 0)
        assert facts(old, new) == [
            ("topology", "reordered", "", "self.l", "0, 1, 2, 3", "3, 2, 1, 0", "changes the function")
        ]
        assert {c.what for c in ripples(old, new)} == {"self.l.0", "self.l.1", "self.l.2", "self.l.3", "self.head"}

    @pytest.mark.parametrize(("taken", "consequence"), [("01", "cosmetic"), ("10", "changes the function")])
    def test_of_two_that_take_the_same_is_as_bad_as_what_takes_theirs(self, taken, consequence):
        layers = Module("ModuleList", children=(("0", linear()), ("1", linear())))

        def of(order, operands):
            calls = [run(f"l.{name}", x()) for name in order]
            return model([("l", layers)], [*calls, call("sub", *(result(f"l.{name}") for name in operands))])

        assert [fact[-1] for fact in facts(of("01", "01"), of("10", taken))] == [consequence]

    def test_with_another_edit_is_told_call_by_call(self):
        old, new = self.of(0, 1, 2, 3), self.of(3, 2, 1, 0, last=1)
        assert "self.head" in {fact[3] for fact in facts(old, new)}

    def test_that_modules_brought_along_is_told_by_them(self):
        layers = [linear(8, 8, marks=(str(i),)) for i in range(4)]
        old, new = (self.of(0, 1, 2, 3, modules=[layers[i] for i in order]) for order in ((0, 1, 2, 3), (0, 2, 3, 1)))
        assert {(fact[0], fact[1]) for fact in facts(old, new)} <= {("structure", "moved"), ("structure", "renamed")}

    def test_of_modules_without_keys_changes_the_function(self):
        layers = [Module(name) for name in ("ReLU", "Tanh", "GELU", "SiLU")]
        old, new = (self.of(0, 1, 2, 3, modules=[layers[i] for i in order]) for order in ((0, 1, 2, 3), (0, 2, 3, 1)))
        assert "changes the function" in {fact[-1] for fact in facts(old, new)}


def test_align_calls_pairs_what_stayed():
    old = Body((call("a", x()), call("b", x()), call("c", x())), x())
    new = Body((call("a", x()), call("n", x(), 1), call("c", x(), 1)), x())
    assert align_calls(old, new) == [(0, 0), (1, None), (None, 1), (2, 2)]


def test_align_calls_pairs_what_changed_places():
    old = Body((call("a", x()), call("b", x())), x())
    new = Body((call("b", x()), call("a", x())), x())
    assert sorted(align_calls(old, new), key=str) == [(0, 1), (1, 0)]


def test_align_calls_pairs_functions_that_went_elsewhere_by_what_they_do():
    one, other = call("softmax", x(), dim=1), call("softmax", result("softmax"), dim=2)
    between = (call("relu", result("softmax")), call("gelu", result("relu")))
    after = (call("softmax", result("gelu"), dim=2), call("softmax", result("softmax"), dim=1))
    old, new = Body((one, other, *between), x()), Body((call("relu", x()), between[1], *after), x())
    assert align_calls(old, new) == [(2, 0), (3, 1), (1, 2), (0, 3)]
    less, another = Body((one, *between), x()), Body((call("relu", x()), between[1], after[0]), x())
    assert align_calls(less, another) == [(0, None), (1, 0), (2, 1), (None, 2)]


def test_pairs_of_a_drift_follow_renames():
    old = model([("a", linear()), ("z", linear(1))], [run("a", x()), run("z", x())])
    new = model([("b", linear()), ("z", linear(1))], [run("b", x()), run("z", x())])
    assert diff(old, new).pairs() == ((0, 0), (1, 1))


@given(st.lists(st.integers(0, 4), max_size=14), st.lists(st.integers(0, 4), max_size=14))
def test_common_is_a_longest_common_subsequence(old, new):
    pairs = common(old, new)
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, a in enumerate(old):
        for j, b in enumerate(new):
            longest = max(lengths[i][j + 1], lengths[i + 1][j])
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if a == b else longest
    assert len(pairs) == lengths[-1][-1]


def test_common_of_a_short_and_a_long_sequence():
    """Of which the short one is at its end before the search is."""
    assert common([1, 0], [1] * 200 + [0] * 200 + [1]) == [(0, 0), (1, 200)]


def test_common_of_long_sequences_without_much_in_common_is_quick():
    old, new = list(range(20_000)), list(range(19_999, -1, -2))
    started = process_time()
    assert common(old, new)
    assert process_time() - started < 5


@settings(max_examples=60)
@given(ARCHITECTURES)
def test_nothing_differs_from_itself(architecture):
    copy = replace(architecture, root=replace(architecture.root), versions=(("torch", "9"),))
    assert not diff(architecture, architecture)
    assert not diff(architecture, copy)


@settings(max_examples=150)
@given(ARCHITECTURES.map(mended), ARCHITECTURES.map(mended))
def test_laws_of_two(old, new):
    drift, mirror = diff(old, new), diff(new, old)
    assert bool(drift) == (old != new)
    kinds, mirrored = (Counter(change.kind for change in side.changes) for side in (drift, mirror))
    assert kinds["added"] == mirrored["removed"]
    assert kinds["removed"] == mirrored["added"]
    for change in drift.changes:
        assert change.gate in GATES
        assert change.kind in KINDS
        assert change.consequence in CONSEQUENCES
        assert (change.old is None) <= (change.kind in ("added", "changed"))
        assert (change.new is None) <= (change.kind in ("removed", "changed"))


@settings(max_examples=150)
@given(ARCHITECTURES, ARCHITECTURES)
def test_no_change_is_from_something_to_the_same(old, new):
    for change in diff(old, new).changes:
        assert change.old != change.new or change.kind == "renamed"


@settings(max_examples=60)
@given(BODIES, BODIES)
def test_alignment_names_each_call_once(old, new):
    rows = align_calls(old, new)
    assert sorted(i for i, _ in rows if i is not None) == list(range(len(old.calls)))
    assert [j for _, j in rows if j is not None] == list(range(len(new.calls)))
    assert Counter((j, i) for i, j in rows) == Counter(align_calls(new, old))


@settings(max_examples=100)
@given(ARCHITECTURES, ARCHITECTURES)
def test_grouping_loses_no_fact(old, new):
    changes = [change for change in diff(old, new).changes if not change.ripple]
    grouped = [change for found in group(changes) for one in found.changes for change in one]
    assert Counter(grouped) == Counter(changes)


def chain(length, inserted=()):
    names = ("conv", "bn", "relu", "add")
    calls, last = [], x()
    for index in range(length):
        name = names[index % 4]
        calls.append(call(name, last, *([x()] if name == "add" else [])))
        last = result(name)
        if index in inserted:
            calls.append(call("mul", last, 2))
            last = result("mul")
    return model((), calls)


def test_local_edit_of_ten_thousand_calls_is_quick():
    old, new = chain(10_000), chain(10_000, {5_000})
    started = process_time()
    drift = diff(old, new)
    assert process_time() - started < 2
    assert [change.kind for change in drift.changes if not change.ripple] == ["added"]


def nested(depth, leaf):
    module, body = Module("Leaf"), Body((call(leaf, x()),), result(leaf))
    for _ in range(depth):
        module = Module("Wrap", children=(("m", module),))
        body = Body((run("m", x=x(), body=body),), result("m"))
    return Architecture("eval", module, (Argument("x", spec(1, 8)),), body)


def test_depth():
    (change,) = diff(nested(200, "relu"), nested(200, "gelu")).changes
    assert (change.what, len(change.place.split("."))) == ("gelu", 200)
    assert diff(nested(200, "relu"), nested(150, "relu"))


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        ([""], ""),
        (["conv1"], "conv1"),
        ([f"layers.{i}.mlp" for i in range(32)], "layers.{0..31}.mlp"),
        (["a.0", "a.1", "a.5"], "a.{0,1,5}"),
        (["l.0.a", "l.0.b", "l.1.a", "l.1.b"], "l.{0,1}.{a,b}"),
        (["bn", "l.0.a", "l.1.a", "l.1.b"], "bn, l.0.a, l.1.{a,b}"),
        (["a", "a.b"], "a, a.b"),
    ],
)
def test_places_written_short(paths, text):
    assert short_places(paths) == text


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        ([f"l.{i}.{name}" for i in (0, 1) for name in ("n1", "n2", "attn.qkv", "mlp.fc1")], "l.{0,1}.*"),
        (["emb.norm", *(f"layer.{i}.{n}.norm" for i in range(3) for n in ("a", "a.b"))], "emb.norm, layer.{0..2}.*"),
        (["one.path.that.is.much.longer.than.the.width"], "one.path.that.is.much.longer.than.the.width"),
    ],
)
def test_places_beyond_the_width_are_generalised(paths, text):
    assert short_places(paths, 24) == text


def test_places_beyond_the_width_are_left_out():
    assert short_places(["alpha", "beta.x.y", "gamma.z"], 10) == "alpha, ..."
    assert short_places(["", "beta.x.y", "gamma.z"], 10) == "(model), {beta,gamma}.*"
    assert short_places(["", "layers.0.fc", "head", "tail"], 9) == "(model), layers.*, ..."


def test_the_model_itself_is_named_beside_its_parts():
    assert short_places(["a.b", "", "a.c"]) == "(model), a.{b,c}"
    assert short_places([""]) == ""


@pytest.mark.parametrize("given", [lambda tensor: tensor, lambda tensor: Tree("tuple", (tensor, spec(8)))])
def test_numbers_that_became_others_as_sizes_did_follow(given):
    def of(batch, rows):
        gives = spec(batch, 8)
        return model((), [call("view", x(), batch, -1, rows, gives=gives)], inputs=(("x", given(gives)),))

    assert [fact[3] for fact in facts(of(1, 4), of(2, 4))] == ["input x"]
    assert [fact[3] for fact in facts(of(1, 4), of(2, 5))] == ["input x", "view"]
