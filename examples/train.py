# Trains a small neural network that knows nothing of jouletap, and prints its epochs as Keras does:
# jouletap run --epochs 10 --epoch-pattern keras -- python3 examples/train.py [epochs] [points of each]
import math
import random
import sys

EPOCHS, POINTS = (int(n) for n in (sys.argv[1:] + ["10", "100000"][len(sys.argv) - 1 :]))
UNITS, RATE = 16, 0.05

random.seed(1)
weights = [[random.uniform(-2, 2) for _ in range(4)] for _ in range(UNITS)]
out_bias = 0.0


def learn(x, y, truth):
    """Learns from one point; tells whether the answer was right before."""
    global out_bias
    hidden = [math.tanh(wx * x + wy * y + bias) for wx, wy, bias, _ in weights]
    answer = out_bias + sum(unit[3] * value for unit, value in zip(weights, hidden))
    error = 1 / (1 + math.exp(-answer)) - truth
    out_bias -= RATE * error
    for unit, value in zip(weights, hidden):
        step = RATE * error * unit[3] * (1 - value * value)
        unit[3] -= RATE * error * value
        unit[0] -= step * x
        unit[1] -= step * y
        unit[2] -= step
    return abs(error) < 0.5


for epoch in range(1, EPOCHS + 1):
    # Into a pipe Python writes late if it is not told to write at once.
    print(f"Epoch {epoch}/{EPOCHS}", flush=True)
    right = 0
    for _ in range(POINTS):
        x, y = random.uniform(-1, 1), random.uniform(-1, 1)
        right += learn(x, y, math.hypot(x, y) < 0.7)
    print(f"accuracy: {right / POINTS:.3f}", flush=True)
