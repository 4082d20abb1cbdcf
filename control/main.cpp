// The program consists of commands (control/cli/).
#include "control/cli/cli.hpp"

int main(int argc, char** argv) {
  return cutwater::cli::run_cli({argv + 1, argv + argc}, cutwater::cli::system_io());
}
