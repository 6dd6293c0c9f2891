"""Cases for steps of recurrent cells, and for packed and padded batches; test_recurrent.py runs them."""

from parity_tests.harness import Case, Draw, normal, values

LENGTHS = [4, 2, 2, 1]
X, H, C = normal(5, 3), normal(5, 4), normal(5, 4)
PAIR = normal(2, 3), normal(4, 3)  # two sequences


def weights(gates: int) -> tuple[Draw, Draw]:
    """W_ih and W_hh, for 3 features and a state of 4."""
    return normal(4 * gates, 3), normal(4 * gates, 4)


def biases(gates: int) -> tuple[Draw, Draw]:
    """b_ih and b_hh."""
    return normal(4 * gates), normal(4 * gates)


# fmt: off
CELLS = {
    "rnn_tanh_cell":         (lambda torch, *args: torch.rnn_tanh_cell(*args), X, H, *weights(1), *biases(1)),
    "rnn_tanh_cell no bias": (lambda torch, *args: torch.rnn_tanh_cell(*args), X, H, *weights(1)),
    "rnn_relu_cell":         (lambda torch, *args: torch.rnn_relu_cell(*args), X, H, *weights(1), *biases(1)),
    "rnn_relu_cell kink":    (lambda torch, x, h, w: torch.rnn_relu_cell(x, h, w, w),
                              values([[0.0, 1.0]]), values([[-0.0, -1.0]]), values([[1.0, 0.0], [1.0, 1.0]])),
    "gru_cell":              (lambda torch, *args: torch.gru_cell(*args), X, H, *weights(3), *biases(3)),
    "gru_cell no bias":      (lambda torch, *args: torch.gru_cell(*args), X, H, *weights(3)),
    "gru_cell broadcast":    (lambda torch, *args: torch.gru_cell(*args),
                              X, H, *weights(3), normal(1), normal()),
    "lstm_cell":             (lambda torch, x, h, c, *args: torch.lstm_cell(x, (h, c), *args),
                              X, H, C, *weights(4), *biases(4)),
    "lstm_cell no bias":     (lambda torch, x, h, c, *args: torch.lstm_cell(x, [h, c], *args),
                              X, H, C, *weights(4)),
    "lstm_cell b_hh":        (lambda torch, x, h, c, w, u, b: torch.lstm_cell(x, (h, c), w, u, None, b),
                              X, H, C, *weights(4), normal(16)),
    "lstm_cell empty":       (lambda torch, x, h, c, *args: torch.lstm_cell(x, (h, c), *args),
                              normal(0, 3), normal(0, 4), normal(0, 4), *weights(4), *biases(4)),
    "lstm_cell twice":       (lambda torch, x, h, c, *args:
                              torch.lstm_cell(x, torch.lstm_cell(x, (h, c), *args), *args),
                              X, H, C, *weights(4), *biases(4)),
}
PACKED = {
    "pack":             (lambda rnn, x: rnn.pack_padded_sequence(x, LENGTHS), normal(4, 4, 3)),
    "pack batch_first": (lambda rnn, x: rnn.pack_padded_sequence(x, LENGTHS, True), normal(4, 5, 3)),
    "pack unsorted":    (lambda rnn, x: rnn.pack_padded_sequence(x, [1, 4, 2], enforce_sorted=False),
                         normal(5, 3)),
    "pack unsorted 2":  (lambda rnn, x: rnn.pack_padded_sequence(x, [2, 3], True, False), normal(2, 3, 2, 2)),
    "pack list":        (lambda rnn, x, y: rnn.pack_sequence([x, y, x], enforce_sorted=False), *PAIR),
    "pad":              (lambda rnn, x: rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, LENGTHS)),
                         normal(4, 4, 3)),
    "pad with 7":       (lambda rnn, x: rnn.pad_packed_sequence(
                         rnn.pack_padded_sequence(x, [2, 3], True, False), True, 7.0, 5),
                         normal(2, 4, 3)),
    "pad list":         (lambda rnn, x, y: rnn.pad_sequence([x, y]), *PAIR),
    "pad list left":    (lambda rnn, x, y: rnn.pad_sequence([x, y], True, -1.5, "left"), *PAIR),
    "pad list 1-d":     (lambda rnn, x, y: rnn.pad_sequence((x, y), padding_value=0.5), normal(2), normal(4)),
    "pad list broadcast": (lambda rnn, x, y: rnn.pad_sequence([x, y]), normal(2, 3), normal(1)),
    "pad list empty":   (lambda rnn, x, y: rnn.pad_sequence([x, y]), normal(0, 3), normal(2, 3)),
    "pad tensor":       (lambda rnn, x: rnn.pad_sequence(x), normal(2, 3)),
    "unpad":            (lambda rnn, x, n: rnn.unpad_sequence(x, n, batch_first=True),
                         normal(2, 3), values([3, 1]).constant),
    "unpad steps first": (lambda rnn, x, n: rnn.unpad_sequence(x * 1, n),
                         normal(3, 2, 2), values([3, 1]).constant),
    "unpack":           (lambda rnn, x, y: rnn.unpack_sequence(rnn.pack_sequence([x, y, x], False)), *PAIR),
    "to double":        (lambda rnn, x: (p := rnn.pack_sequence([x]), p.double(), p.to(x.dtype) is p),
                         normal(2, 3)),
    "to integers":      (lambda rnn, x: (p := rnn.pack_sequence([x]), p.long(), p.int(), p.short(), p.char()),
                         normal(2, 3)),
}
# fmt: on

CASES = [
    # A cell of torch's is made of many operations, ours is one: the names in the graph cannot agree.
    *(Case(name, run, *inputs, scaled=True, names=False) for name, (run, *inputs) in CELLS.items()),
    *(
        Case(
            name, lambda torch, *args, run=run: run(torch.nn.utils.rnn, *args), *inputs, names="pack" in name
        )
        for name, (run, *inputs) in PACKED.items()
    ),
]
