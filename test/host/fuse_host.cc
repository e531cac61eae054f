// The simulated host's process: takes orders on stdin, serves the files, leaves nothing behind.
//
//   fuse_host ROOT   reads orders up to the line "start", mounts ROOT/live, says "ready", and goes
//                    on obeying. When stdin ends it unmounts, removes ROOT and ends.
//   fuse_host        says why a host cannot run here, if so (exit code 1)
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "fuse.h"

namespace {

constexpr int kThreads = 8;  // reads that may be asleep at the same time

std::string live;  // where the files are mounted

void on_end(int) {
  umount2(live.c_str(), MNT_DETACH);
  _exit(0);
}

int complain(const std::string& failed) {
  std::fprintf(stderr, "cannot %s: %s\n", failed.c_str(), std::strerror(errno));
  return 1;
}

int check() {
  char folder[] = "/tmp/jouletap-host-XXXXXX";
  if (!mkdtemp(folder)) return complain("make a folder in /tmp");
  std::string failed;
  const int descriptor = host::mount_fuse(folder, &failed);
  const int code = descriptor < 0 ? complain(failed) : 0;
  if (code == 0) umount2(folder, MNT_DETACH);
  rmdir(folder);
  return code;
}

/// The next line of stdin; false at its end.
bool next_line(std::string* line) {
  static std::string pending;
  char buffer[4096];
  for (;;) {
    const size_t end = pending.find('\n');
    if (end != std::string::npos) {
      *line = pending.substr(0, end);
      pending.erase(0, end + 1);
      return true;
    }
    const ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    pending.append(buffer, static_cast<size_t>(size));
  }
}

int serve() {
  host::Tree tree;
  std::string line, why, failed;
  while (next_line(&line) && line != "start") {
    if (tree.run(line, &why)) continue;
    std::fprintf(stderr, "%s\n", why.c_str());
    return 2;
  }
  if (line != "start") return 0;
  const int descriptor = host::mount_fuse(live, &failed);
  if (descriptor < 0) return complain(failed);
  host::Server server(tree, descriptor);
  for (int i = 0; i < kThreads; ++i) std::thread([&server] { server.serve(); }).detach();
  std::printf("ready\n");
  std::fflush(stdout);
  while (next_line(&line)) {
    if (!tree.run(line, &why)) std::fprintf(stderr, "%s\n", why.c_str());
  }
  umount2(live.c_str(), MNT_DETACH);
  // The threads hang in read() while a client keeps a file open; ending the process frees both.
  _exit(0);
}

int remove_entry(const char* path, const struct stat*, int, FTW*) { return remove(path); }

/// Whatever becomes of the server, even kill -9: no mount and no folder stays.
int guard(pid_t server, const std::string& root) {
  int status = 0;
  while (waitpid(server, &status, 0) < 0 && errno == EINTR) {
  }
  umount2(live.c_str(), MNT_DETACH);
  if (root.find("/jouletap-host-") != std::string::npos) {
    nftw(root.c_str(), remove_entry, 16, FTW_DEPTH | FTW_MOUNT | FTW_PHYS);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return check();
  const std::string root = argv[1];
  live = root + "/live";
  if (mkdir(live.c_str(), 0755) != 0 && errno != EEXIST) return complain("make " + live);
  // Ctrl-C in a terminal reaches the whole group: whoever started the host decides when it ends.
  signal(SIGINT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  const pid_t parent = getpid();
  const pid_t server = fork();
  if (server < 0) return complain("fork");
  if (server > 0) return guard(server, root);
  struct sigaction action{};
  action.sa_handler = on_end;
  sigaction(SIGTERM, &action, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) return 1;
  return serve();
}
