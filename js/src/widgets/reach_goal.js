import { createChangeControls } from "../parts/change_fields.js";
import { openExercise } from "../parts/exercise.js";
import { defineWidget } from "../shared/widget.js";

export default defineWidget({
  name: "ReachGoal", cancellable: true,
  open: (inside) => openExercise(inside, { commit: "Try it", createControls: createChangeControls }),
});
