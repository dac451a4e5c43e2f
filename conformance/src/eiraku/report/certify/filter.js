(function () {
  "use strict";
  var form = document.getElementById("filter");
  var words = document.getElementById("filter-words");
  var kind = document.getElementById("filter-kind");
  var count = document.getElementById("filter-count");
  var rows = Array.prototype.slice.call(document.querySelectorAll("tr[data-outcome]"));
  var groups = Array.prototype.slice.call(document.querySelectorAll("tbody.group"));
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  function apply() {
    var wanted = words.value.trim().toLowerCase();
    var shown = 0;
    rows.forEach(function (row, at) {
      var outcome = row.getAttribute("data-outcome");
      var kept = !kind.value || outcome === kind.value ||
        (kind.value === "problems" && outcome !== "PASS" && outcome !== "NOT_APPLICABLE" && outcome !== "NOT_TESTED");
      row.hidden = !(kept && texts[at].indexOf(wanted) >= 0);
      shown += row.hidden ? 0 : 1;
    });
    groups.forEach(function (group) {
      group.hidden = !group.querySelector("tr[data-outcome]:not([hidden])");
    });
    count.textContent = shown + " of " + rows.length + " requirements";
  }
  form.hidden = false;
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("input", apply);
  // A link to a requirement must find it even if the filter hides it.
  window.addEventListener("hashchange", function () {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && (target.hidden || target.closest("[hidden]"))) {
      words.value = ""; kind.value = ""; apply(); target.scrollIntoView();
    }
  });
  apply();
})();
