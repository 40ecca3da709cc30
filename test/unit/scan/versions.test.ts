import assert from "node:assert/strict";
import fc from "fast-check";
import { compareDebian } from "../../../scan/dpkg.ts";
import { compare } from "../../../scan/versions.ts";

describe("scan/versions", () => {
  for (const [a, sign, b] of [
    ["1.0", "=", "1.0"],
    ["1.0", "<", "1.1"],
    ["1.9", "<", "1.10"],
    ["1.0-1", "<", "1.0-2"],
    ["1.0-9", "<", "1.0-10"],
    ["1.0", "=", "1.0-0"],
    ["1.0", "<", "1.0-1"],
    ["1:0.1", ">", "9.9"],
    ["0:1.0", "=", "1.0"],
    ["1:1.0", "<", "2:0.1"],
    ["1.0~rc1", "<", "1.0"],
    ["1.0~rc1-1", "<", "1.0-1"],
    ["1.0~~", "<", "1.0~"],
    ["1.0~", "<", "1.0"],
    ["1.0~beta1~svn1", "<", "1.0~beta1"],
    ["1.0a", ">", "1.0"],
    ["1.0.", ">", "1.0+"],
    ["1.0z", "<", "1.0.1"],
    ["1.0A", "<", "1.0a"],
    ["2.36-9+deb12u7", "<", "2.36-9+deb12u13"],
    ["2.36-9", "<", "2.36-9+deb12u1"],
    ["1.2-3+b1", ">", "1.2-3"],
    ["1.2-3~bpo12+1", "<", "1.2-3"],
    ["7.88.1-10+deb12u8", "<", "7.88.1-10+deb12u12"],
    ["1.2-rc-1", ">", "1.2-1"],
    ["1.0.0", ">", "1.0"],
    ["1.00", "=", "1.0"],
    ["1.001", "=", "1.1"],
    ["10", ">", "9a"],
    ["20230311", "<", "20241223"],
    ["0.20231231235959123456789", "<", "0.20231231235959123456790"],
    ["1", "=", "01"],
    ["a1", ">", "1"],
    ["1.", ">", "1"],
  ] as const)
    it(`Debian: ${a} ${sign} ${b}`, () => {
      const expected = { "<": -1, "=": 0, ">": 1 }[sign];
      assert.equal(Math.sign(compareDebian(a, b)), expected);
      assert.equal(Math.sign(compareDebian(b, a)), expected === 0 ? 0 : -expected);
    });

  it("Debian: is an order, whatever is compared", () => {
    const version = fc.stringMatching(/^(\d:)?\d[a-z0-9.+~]{0,8}(-[a-z0-9+~]{1,4})?$/);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        assert.equal(compareDebian(a, a), 0);
        assert.equal(Math.sign(compareDebian(a, b)), -Math.sign(compareDebian(b, a)) + 0);
        if (compareDebian(a, b) <= 0 && compareDebian(b, c) <= 0) assert.ok(compareDebian(a, c) <= 0, `${a} ${b} ${c}`);
      }),
    );
  });

  for (const [ecosystem, a, sign, b] of [
    ["PyPI", "1.0.dev1", -1, "1.0a1"],
    ["PyPI", "1.0rc1", -1, "1.0"],
    ["PyPI", "1.0", 0, "1.0.0"],
    ["PyPI", "1.0", -1, "1.0.post1"],
    ["PyPI", "1.10", 1, "1.9"],
    ["PyPI", "1!0.1", 1, "9.9"],
    ["PyPI", "1.0+local", 1, "1.0"],
    ["npm", "1.0.0-rc.1", -1, "1.0.0"],
    ["npm", "1.10.0", 1, "1.9.0"],
    ["npm", "1.0.0+a", 0, "1.0.0"],
    ["npm", "1.0.0-alpha.2", -1, "1.0.0-alpha.10"],
  ] as const)
    it(`${ecosystem}: ${a} and ${b}`, () => assert.equal(compare(ecosystem, a, b), sign));

  it("say nothing of what is no version", () => {
    assert.equal(compare("PyPI", "of-today", "1.0"), undefined);
    assert.equal(compare("npm", "1.0", "1.0.0"), undefined);
  });
});
