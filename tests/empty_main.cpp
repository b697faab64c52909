// A program of nothing: see CMakeLists.txt.
int main() {}
