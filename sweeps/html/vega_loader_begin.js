// SPDX-License-Identifier: Apache-2.0
// Debian's Vega modules know CommonJS, AMD and globals. Loaded as globals they overwrite each other, so this is
// AMD, as small as it gets: every module gets a `define` that hands it the modules loaded before it.
var vega = (function () {
"use strict";
var modules = {};
function load(name, wrapper) {
  function define(dependencies, factory) {
    var exported = (modules[name] = {});
    factory.apply(null, dependencies.map(function (dependency) {
      if (dependency === "exports") return exported;
      if (!modules[dependency]) throw new Error(name + " needs " + dependency);
      return modules[dependency];
    }));
  }
  define.amd = {};
  wrapper.call(window, define, undefined, undefined);
}
