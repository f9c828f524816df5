import { openExercise } from "../parts/exercise.js";
import { defineWidget } from "../shared/widget.js";

export default defineWidget({ name: "Quiz", cancellable: true, open: (inside) => openExercise(inside, { commit: "Check" }) });
