"""Every concept that a span may carry, with what it covers."""

CONCEPTS = {}


def _add(family: str, text: str) -> None:
    for line in text.strip().splitlines():
        name, _, meaning = line.strip().partition(" = ")
        CONCEPTS[f"{family}:{name}"] = meaning


_add(
    "register",
    """
    story = The whole of a past-tense tale.
    play = The whole of a scene for speakers.
    recipe = The whole of a recipe.
    news = The whole of a news report.
    letter = The whole of a letter.
    code = The whole of a program.
    list = The whole of a set of lists or tables.
    qa = The whole of a set of questions and answers.
    facts = The whole of an article on Tarn.
    parallel = The whole of a bilingual or French text.""",
)
_add("language", "french = A stretch of French.")
_add(
    "structure",
    """
    quotation = Quoted speech with its quotation marks.
    sentence_start = The first word of a sentence.
    speaker_tag = The name and colon that open a speaker's or a language's line.
    stage_direction = A direction in parentheses in a play.
    step_number = The number of a step in a recipe.
    list_bullet = The bullet that opens an item.
    table = A table with columns.
    counting = A sequence of numbers with a fixed step.
    title = A title or headline.
    dateline = The place and date that open a letter or report.
    salutation = The greeting line of a letter.
    signature = The farewell and name that end a letter.
    question = A sentence that asks.
    question_tag = The mark before a question.
    answer_tag = The mark before an answer.
    arithmetic = A sum, asked or answered.
    code_comment = A comment in a program.
    string_literal = A string in a program.
    brackets = A bracketed stretch of a program.
    indent = The leading spaces of a program line.""",
)
_add(
    "code",
    """
    keyword = A keyword of the language.
    function_name = The name of a function.
    variable = The name of a variable.
    operator = An operator.""",
)
_add(
    "thing",
    """
    animal = An animal of any kind.
    animal/bird = A bird.
    animal/mammal = A mammal.
    animal/fish = A fish.
    animal/insect = An insect or spider.
    tool = A tool.
    food = Something to eat or drink.
    food/fruit = A fruit.
    food/vegetable = A vegetable.
    food/spice = A spice or herb.
    food/drink = A drink.
    plant = A plant.
    plant/tree = A tree.
    plant/flower = A flower.
    clothing = A garment.
    vehicle = A boat, ship, cart or other vehicle.
    building = A building.
    room = A room of a house.
    furniture = A piece of furniture.
    body = A part of the body.
    container = A vessel, box or bag.
    instrument = A musical instrument.
    document = Something written or printed.
    keepsake = A small object that one carries.
    material = What things are made of.
    weather = Weather.
    trade_good = What a town of Tarn trades in.""",
)
_add(
    "quality",
    """
    colour = A colour.
    size = A size.
    age = How old a thing is.
    character = A trait of character.
    texture = How a surface feels.
    taste = How food tastes.
    manner = How something is done.""",
)
_add(
    "person",
    """
    given_name = A given name.
    family = A family name.
    occupation = What somebody does for a living.
    office = An office or title of rule.
    kin = A relative.
    group = Somebody in relation to others: guest, stranger, friend.""",
)
_add(
    "place",
    """
    town = A town of Tarn.
    town/harbour = A town with a harbour.
    town/inland = A town without a harbour.
    region = A region of Tarn.
    river = A river of Tarn.
    landscape = A feature of land or street.""",
)
_add(
    "time",
    """
    day = A day of the week.
    month = A month.
    year = A year.
    season = A season, but not spring, whose word has senses of its own.
    daypart = A part of the day.
    clock = An hour of the clock.
    duration = A unit in which time is counted.""",
)
_add(
    "number",
    """
    quantity = A number or number word.
    price = An amount of money.
    unit = A unit of measure or coin.
    ordinal = An ordinal number.""",
)
_add(
    "emotion",
    """
    joy = Joy.
    fear = Fear.
    anger = Anger.
    sorrow = Sorrow.
    surprise = Surprise.""",
)
_add(
    "grammar",
    """
    past_verb = A verb in the past tense.
    plural_noun = A noun in the plural.
    negation = A word that denies.
    pronoun = A personal or indefinite pronoun.
    first_person = A first-person word.
    second_person = A second-person word.
    possessive = A possessive word.
    modal = A modal verb.
    comparative = A comparative.
    imperative = A sentence that tells somebody to do something.
    question_word = A word that can ask.""",
)
_add(
    "discourse",
    """
    cause = A word that marks cause or consequence.
    contrast = A word that marks contrast.
    condition = A word that marks a condition.
    time_order = A word that orders events in time.""",
)
_add(
    "action",
    """
    motion = A verb of motion.
    speech = A verb of speaking.
    making = A verb of making or mending.
    trade = A verb of trading.
    perception = A verb of perceiving.
    thought = A verb of thinking.""",
)
_add(
    "sense",
    """
    bank/river = Bank: the side of a river.
    bank/money = Bank: the house that keeps money.
    spring/season = Spring: the season.
    spring/water = Spring: where water rises.
    spring/coil = Spring: the coil of metal.
    bark/tree = Bark: the skin of a tree.
    bark/dog = Bark: the voice of a dog.
    scale/weight = Scale: what weighs things.
    scale/music = Scale: notes in order.
    scale/fish = Scale: a plate of a fish's skin.
    note/music = Note: a tone.
    note/paper = Note: a short message.
    light/lamp = Light: what shines.
    light/weight = Light: not heavy.""",
)
