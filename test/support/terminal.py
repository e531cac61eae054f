"""Runs a command on a new pseudo-terminal: argv[1] are the steps, as JSON, the rest is the command.

A step is [wait, send]: once the output holds `wait`, after what the steps before found, `send` is typed;
or [wait, {"kill": NAME}]: that signal is sent to the command. Prints JSON: the output and how it ended.
"""
import json, os, pty, select, signal, sys, time

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
output, seen, until = b"", 0, time.monotonic() + 15
while time.monotonic() < until:
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        if not data:
            break
        output += data
    while steps:
        at = output.find(steps[0][0].encode(), seen)
        if at < 0:
            break
        wait, send = steps.pop(0)
        seen = at + len(wait)
        if isinstance(send, dict):
            os.kill(pid, getattr(signal, send["kill"]))
        else:
            os.write(terminal, send.encode())
else:
    os.killpg(pid, signal.SIGKILL)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps({"output": output.decode(errors="replace"), "status": status, "left": len(steps)}))
