enum one_bit { A1 = 1, A2 = 2, A4 = 4 };
enum with_zero { Z0 = 0, Z1 = 1, Z2 = 2 };
enum pair { P1 = 1, P2 = 2, P3 = 3 };
enum wide { W1 = 1, W6 = 6, W8 = 8 };
enum gap { G1 = 1, G5 = 5 };
enum big { B1 = 1, BTOP = 0x80000000 };
enum neg { N1 = 1, NM = -4 };
enum seq { S0, S1, S2, S3 };
enum one_bit a = A1 | A2;
enum with_zero z = Z1 | Z2;
enum pair p;
enum wide w;
enum gap g;
enum big b;
enum neg n;
enum seq s;
int main(void) { return a + (int)z + p + w + g + (int)b + n + s; }
