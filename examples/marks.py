# Says to `jouletap run` when each epoch begins; alone it runs just the same.
import os

fd = os.environ.get("JOULETAP_MARKS")
mark = (lambda text: os.write(int(fd), f"{text}\n".encode())) if fd else lambda text: None

for epoch in range(1, 4):
    mark(f"epoch {epoch}/3")
    print(epoch, sum(n * n for n in range(1_000_000)))
    mark("phase eval")
