import pytest

from explainrelu.errors import InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.milp.difference import largest_difference
from explainrelu.milp.extremes import extremes
from explainrelu.milp.stability import stability
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.compress import compress
from explainrelu.rewrites.equivalence.check import check_equivalence


def wide_and_narrow_network(last_bias: float) -> ReluNetwork:
    """Integer weights with carried units, on which HiGHS 1.15 ends the process by itself."""
    last = [[2.0, -1.0], [-2.0, 0.0], [-2.0, 1.0]]
    layers = (
        Layer([[-1.0, -2.0, -2.0]], [1.0], [False]),
        Layer([[-2.0], [1.0]], [1.0, 2.0], [False, True]),
        Layer(last, [-1.0, last_bias, -1.0], [False, True, True]),
    )
    output = AffineMap([[1.0, -1.0, 2.0], [-2.0, -1.0, -1.0]], [-2.0, -1.0])
    return ReluNetwork(layers, output, InputSchema.numbered(3), OutputSchema.numbered(2))


def test_a_program_with_a_nearly_equal_copy_does_not_end_the_process():
    one, other = wide_and_narrow_network(-2.0), wide_and_narrow_network(-2.0 + 1e-5)
    found = largest_difference(one, other, Box([-2.0, -1.0, -3.0], [2.0, 3.0, 1.0]))
    assert found.bound == pytest.approx(1e-5, abs=1e-8)


def test_rounding_that_presolve_takes_for_a_contradiction_is_solved_without_it():
    layers = (
        Layer([[-0.3472984307550286, -0.5015059944590984]], [0.32381707548405286], [False]),
        Layer(
            [[1.2028793433293337], [-1.7833363941818825], [0.6418865960790613]],
            [-0.5527918414027176, 0.2055343555716996, -0.6589606086788902],
            [True, True, False],
        ),
    )
    output = AffineMap([[1.0, 1.0, 1.0]], [0.0])
    network = ReluNetwork(layers, output, InputSchema.numbered(2), OutputSchema.numbered(1))
    box = Box([-1.0, 0.6348273007721488], [-1.0, 1.3651726992278512])  # the first input is fixed
    assert (stability(network, box, method="milp")["state"] != "undecided").all()


@pytest.mark.parametrize("solve", [stability, extremes])
def test_a_time_limit_that_is_no_number_is_refused(solve):
    network, box = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]]), Box([-1.0], [1.0])
    with pytest.raises(InputTypeError, match="positive number of seconds, or None, got 'long'"):
        solve(network, box, time_limit="long")
    with pytest.raises(InputTypeError, match="positive number of seconds, got None"):
        check_equivalence(network, network, box, time_limit=None)


def test_a_program_on_which_the_solver_fails_is_solved_without_presolve():
    layers = (
        Layer(
            [[0.0508504497438912], [1.104076478296809]],
            [0.0047004703478821415, -1.8638618280444397],
            [True, True],
        ),
        Layer(
            [
                [1.1234124615363428, -1.106458381589796],
                [1.9973480977294051, -1.2790872042831372],
                [-0.8763659706954401, 1.7263170736035154],
            ],
            [1.018346081984356, -0.25036491019696505, 0.1320487636564458],
            [False, False, False],
        ),
        Layer(
            [
                [0.42044133515599724, -0.64904339369494, -1.5475066180115096],
                [-0.5417161406098421, -0.329218442882711, 0.2528046189417573],
                [1.2365301203751748, -1.1030501108265036, 0.5593755459767836],
            ],
            [-1.4292399091405947, 1.304130614901665, 0.3371056194437342],
            [True, True, True],
        ),
    )
    output = AffineMap(
        [
            [0.02598031132950387, 0.8448453640817951, 0.8511178190243903],
            [-0.9065118492190852, 0.8469841506097963, -1.4970812561609355],
        ],
        [0.3140332849977299, -0.17606063423856766],
    )
    network = ReluNetwork(layers, output, InputSchema.numbered(1), OutputSchema.numbered(2))
    found = compress(network, Box([-1.9704213428047177], [1.9704213428047177]))
    assert found.certificate.holds
