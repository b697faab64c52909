// A shared library like any other.
extern "C" int not_a_module() {
  return 0;
}
