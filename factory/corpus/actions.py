"""What people of Tarn do: verb phrases, whose verbs take the form that is asked for."""

from .grammar import parse

_ACTIONS = """
action:
  {motion}
  {motion}
  {motion}
  {making}
  {making}
  {making}
  {trade}
  {trade}
  {sense}
  {thought}
  {home}
  {home}
motion:
  [walk] to {aplace}
  [run] across the {placeish?}{landform.1}
  [ride] {his} {beast} to {town}
  [sail] to {town} in {a} {toolish?}{boat}
  [row] the {boat} down the {river}
  [swim] across the {river}
  [climb] the {placeish?}{landform.1}
  [climb] the {tree.1} behind the {building.1}
  [hurry] to the {building.1}
  [wander] along the {street.1}
  [travel] to {town} by {cart}
  [march] through the {weatherish?}{weather}
  [creep] past the {creaturish?}{creature.1}
  [return] to {town} with {athing}
  [go] to the {bank/money} in {town}
  [follow] {person} into the {building.1}
  [follow] the tracks of {a} {wild}
  [cross] the {street.1}
  [leave] the {building.1}
  [enter] the {placeish?}{building.1}
  [jump] over the {stream}
  [go] home
  [come] back from {town}
  [race] {a} {racer} along the {landform.1}
  [drive] the {cart} over the {street.1}
stream:
  {spring/water}
  {shrub}
  {bench}
bench:
  fence
  wall
  ditch
  gate
making:
  [mend] {athing}
  [build] {a} {size?}{building.1} of {masonry}
  [carve] {a} {creature.1} out of {carvable}
  [sew] {a} {colour} {garment} for {person}
  [knit] {a} {colour?}{garment} of {colour?}wool
  [bake] {a} {foodish?}{dish}
  [cook] {a} {stew} of {vegetable.s} and {meat}
  [paint] the {building.1} {colour}
  [paint] a picture of {aplace}
  [sharpen] {thetool}
  [forge] {a} {handtool} from {hard}
  [plant] {numword} {flower.s} beside the {building.1}
  [plant] {a} {tree.1} in the {street.1}
  [polish] {athing}
  [weave] {a} {container} out of {straws}
  [draw] a map of {region}
  [write] a {note/paper} to {person}
  [write] a long letter to {person}
  [repair] the roof of the {building.1}
  [brew] {a} {container} of {drink}
  [fix] the {spring/coil} of {a} {toolish?}{timepiece}
  [oil] the {spring/coil} in {his} {timepiece}
  [peel] the {bark/tree} off {a} {size?}{tree.1}
  [carve] {his} name into the {bark/tree} of {a} {tree.1}
  [hurt] {his} {bodypart} on {thetool}
  [wash] {his} {bodypart} in cold water
  [rub] {his} {bodypart} with {spice} and oil
  [stitch] a patch onto {his} {garment}
  [chop] the {tree.1} with {a} {toolish?}axe
  [strip] the {bark/tree} from the {tree.1}
  [tie] the {boat} to the {tree.1}
  [dig] a hole near the {plant.1}
straws:
  straw
  reeds
  willow
trade:
  [buy] {athing} from {person}
  [buy] {afood} at the market
  [sell] {athing} to {person} for {price}
  [sell] {his} {beast} for {price}
  [pay] {person} {price}
  [pay] {price} for {athing}
  [trade] {athing} for {athing}
  [lend] {athing} to {person}
  [borrow] {athing} from {person}
  [spend] {price} on {afood}
  [order] {n} {container.s} of {staple}
  [deliver] {athing} to {aplace}
  [bring] {person} {athing}
  [give] {person} {athing}
  [send] {athing} to {person} in {town}
  [weigh] the {fruit.s} on the {scale/weight}
  [put] {price} in the {bank/money}
  [steal] {athing} from {aplace}
sense:
  [see] {acreature} {where}
  [hear] {a} {creature} {where}
  [hear] the {bark/dog} of {a} {creaturish?}{dog}
  [watch] the {bird.s} above the {landform.1}
  [notice] {a} {colour} {garment} on the {furniture}
  [smell] the {foodish?}{dish}
  [taste] the {foodish?}{dish}
  [find] {athing} {where}
  [find] {a} {wild} asleep under {a} {tree.1}
  [discover] {a} {spring/water} in the {landform.1}
  [drink] from {a} {coldish?}{spring/water} {where}
  [see] {a} {coldish} {light/lamp} {where}
  [follow] the {light/lamp} of {person}'s lantern
  [hear] {a} {coldish?}{note/music} from {a} {instrument}
  [see] a {light/lamp} in the {room}
  [look] for {athing}
  [listen] to the {weather} {where}
  [count] the {creature.s} {where}
coldish:
  faint
  clear
  cold
  strange
  distant
dog:
  dog
  hound
  fox
  seal
  puppy
thought:
  [think] about {his} {kin}
  [remember] the {building.1} in {town}
  [forget] {his} {garment}
  [wonder] about {person}
  [hope] for better weather
  [dream] of {aplace}
  [decide] to {action.}
  [decide] not to {home.}
  [begin] to {making.}
  [try] to {making.}
  [agree] to {trade.}
  [refuse] to {trade.}
  [learn] to {making.}
home:
  [wash] {his} {garment.s}
  [sweep] the {room}
  [feed] the {creaturish?}{beast}
  [milk] the {milker}
  [eat] {afood}
  [drink] {adrink}
  [light] the lamp in the {room}
  [open] the {container} of {staple}
  [hide] {athing} in the {container}
  [put] {athing} into the {container}
  [lay] {athing} on the {furniture}
  [wear] {a} {colour} {garment}
  [lose] {athing} {where}
  [sit] on the {furniture} with {athing}
  [sleep] {where}
  [play] a tune on the {instrument}
  [play] a {scale/music} on the {instrument}
  [sing] with {person}
  [sing] {a} {coldish} {note/music} {where}
  [practise] {a} {scale/music} on {his} {instrument}
  [lift] the {light/weight} {container.1} with one {bodypart.1}
  [take] money out of the {bank/money}
  [leave] a {note/paper} {where}
  [fall] asleep on the {bank/river} of the {river}
  [clean] every {scale/fish} off {a} {fish.1}
  [scratch] {his} {bodypart}
  [wrap] {a} {garment} around {his} {bodypart}
  [wake] at the {bark/dog} of {a} {dog}
  [weigh] the {food.s} on {a} {toolish?}{scale/weight}
  [read] {a} {paper} about {creature.s}
  [carry] the {container} to {aplace}
  [lock] the door of the {building.1}
  [visit] {person}
  [help] {person} with the {fruit.s}
  [gather] {fruit.s} {where}
  [catch] {numword} {fish.s} in the {river}
  [scrape] the {scale/fish.s} off the {fish.1}
  [pick] {flower.s} {where}
  [chase] the {creaturish?}{creature.1} out of the {room}
milker:
  cow
  goat
  ewe
"""

ACTIONS = parse(_ACTIONS)
