import { openExercise } from "../parts/exercise.js";
import { createRuleControls } from "../parts/rule_fields.js";
import { defineWidget } from "../shared/widget.js";

export default defineWidget({
  name: "NameFeature", cancellable: true,
  open: (inside) => openExercise(inside, { commit: "Try it", createControls: createRuleControls }),
});
